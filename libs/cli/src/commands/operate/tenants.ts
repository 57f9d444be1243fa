import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { type Bind, tell, type World } from '../../command.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { table } from '../../output/text.ts';
import { local } from '../../output/times.ts';
import { readTenant } from '../../settings/read-values.ts';

interface Tenant {
  readonly tenant_id: string;
  readonly created_at: string;
  readonly limits: Readonly<Record<string, number>>;
  readonly paused: boolean;
}

/** Option, member of the limits, and what it says. */
const LIMITS = [
  ['weight', 'weight', 'share of the slots, relative to other tenants'],
  ['max-running', 'max_running', 'most jobs at executors at a time'],
  ['max-running-per-action', 'max_running_per_action', 'the same of each action'],
  ['max-queued', 'max_queued', 'most jobs that may be queued'],
  ['runs-per-second', 'runs_per_second', 'rate at which jobs may be asked for'],
  ['runs-burst', 'runs_burst', 'so many of them at once'],
  ['status-requests-per-second', 'status_requests_per_second', 'rate of status requests, to each gateway'],
  ['max-body-bytes', 'max_body_bytes', 'largest body of a run or a batch'],
  ['webhook-endpoints', 'webhook_endpoints', 'most webhook endpoints'],
  ['schedules', 'schedules', 'most schedules'],
] as const;

const PAGE = 1_000;

/** Commands about tenants, which need the admin key. */
export function addTenants(program: Command, bind: Bind): void {
  const tenants = program.command('tenants').description('make tenants, and limit what they may have');
  const put = tenants
    .command('put')
    .description('make a tenant; with limits, it has exactly these from then on')
    .argument('<tenant_id>', '', readTenant);
  for (const [option, , about] of LIMITS) put.option(`--${option} <n>`, about, readNumber);
  put.option('--no-limits', 'it has no limits from then on').action(bind(putTenant));
  tenants.command('list').description('list, by id').action(bind(listTenants));
  tenants
    .command('show')
    .description('show a tenant and its limits')
    .argument('<tenant_id>', '', readTenant)
    .action(bind((world, _, id = '') => one(world, { method: 'GET', path: `/admin/tenants/${id}` })));
  tenants
    .command('pause')
    .description('let no more of its jobs begin')
    .argument('<tenant_id>', '', readTenant)
    .action(bind((world, _, id = '') => one(world, { method: 'POST', path: `/admin/tenants/${id}/pause` })));
  tenants
    .command('resume')
    .description('let its jobs begin again')
    .argument('<tenant_id>', '', readTenant)
    .action(bind((world, _, id = '') => one(world, { method: 'POST', path: `/admin/tenants/${id}/resume` })));
  tenants
    .command('delete')
    .description('delete a tenant with all that there is of it, for good')
    .argument('<tenant_id>', '', readTenant)
    .option('--wait', 'follow it until it ends')
    .action(bind(deleteTenant));
  tenants
    .command('deletion')
    .description('show how the deletion of a tenant stands, or when it was deleted')
    .argument('<tenant_id>', '', readTenant)
    .action(bind((world, _, id = '') => showDeletion(world, id)));
}

interface Deletion {
  readonly step: string;
  readonly deleted_at: string | null;
  readonly removed: number | null;
  readonly error: string | null;
}

const LOOK_MS = 1_000;

/** Asks for a deletion; with `wait` it follows it to its end. */
async function deleteTenant(world: World, { wait }: { wait?: true }, id = ''): Promise<ExitCode> {
  const gateway = await world.gateway();
  let deletion = await gateway.json<Deletion>({ method: 'DELETE', path: `/admin/tenants/${id}` });
  while (wait && deletion.step !== 'deleted') {
    world.say(lineOf(deletion));
    await sleep(LOOK_MS, undefined, { signal: world.signal });
    deletion = await readDeletion(world, id);
  }
  tell(world, deletion, () => lineOf(deletion));
  return 0;
}

async function showDeletion(world: World, id: string): Promise<ExitCode> {
  const deletion = await readDeletion(world, id);
  tell(world, deletion, () => lineOf(deletion));
  return 0;
}

async function readDeletion(world: World, id: string): Promise<Deletion> {
  return (await world.gateway()).json({ method: 'GET', path: `/admin/tenants/${id}/deletion` });
}

function lineOf({ step, deleted_at, removed, error }: Deletion): string {
  if (deleted_at !== null) return `deleted ${local(deleted_at)}`;
  return `${step}: ${removed ?? 0} messages and rows removed${error ? ` (${error})` : ''}`;
}

function readNumber(text: string): number {
  const number = Number(text);
  if (text.trim() === '' || !Number.isFinite(number)) throw new InvalidArgumentError('It must be a number.');
  return number;
}

async function putTenant(
  world: World,
  options: Readonly<Record<string, number | boolean | undefined>>,
  id = '',
): Promise<ExitCode> {
  const given = LIMITS.flatMap(([option, member]) => {
    const value = options[option.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())];
    return value === undefined ? [] : [[member, value] as const];
  });
  const isChanged = given.length > 0 || options.limits === false;
  const body = isChanged ? { body: { limits: Object.fromEntries(given) } } : {};
  return one(world, { method: 'PUT', path: `/admin/tenants/${id}`, isRepeatable: true, ...body });
}

async function one(
  world: World,
  call: { method: 'GET' | 'PUT' | 'POST'; path: string; isRepeatable?: boolean; body?: object },
): Promise<ExitCode> {
  const tenant = await (await world.gateway()).json<Tenant>(call);
  tell(world, tenant, () => `${tenant.tenant_id}, made ${local(tenant.created_at)}${about(tenant)}`);
  return 0;
}

async function listTenants(world: World): Promise<ExitCode> {
  const gateway = await world.gateway();
  const tenants: Tenant[] = [];
  for (let after: string | null | undefined; after !== null; ) {
    const page: { tenants: Tenant[]; next_after: string | null } = await gateway.json({
      method: 'GET',
      path: '/admin/tenants',
      query: { after, limit: String(PAGE) },
    });
    tenants.push(...page.tenants);
    after = page.next_after;
  }
  const rows = tenants.map((tenant) => [
    tenant.tenant_id,
    local(tenant.created_at),
    about(tenant).replace(/^, /, ''),
  ]);
  tell(world, { tenants }, () =>
    rows.length === 0 ? 'no tenants' : table(['TENANT', 'CREATED', 'LIMITS'], rows),
  );
  return 0;
}

function about({ limits = {}, paused }: Tenant): string {
  const all = LIMITS.flatMap(([option, member]) => {
    const value = limits[member];
    return value === undefined ? [] : [`${option} ${value}`];
  });
  return [...(paused ? ['paused'] : []), ...all].map((each) => `, ${each}`).join('');
}
