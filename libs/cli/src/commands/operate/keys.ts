import { KEY_SCOPES } from '@errand/contracts';
import type { Command } from 'commander';
import { CannotRun } from '../../cannot-run.ts';
import { type Bind, tell, type World } from '../../command.ts';
import type { Gateway } from '../../gateway.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { table } from '../../output/text.ts';
import { local } from '../../output/times.ts';
import { collectPair, readDuration, readName, readTenant, readTime } from '../../settings/read-values.ts';

interface Key {
  readonly key_id: string;
  readonly tenant_id: string;
  readonly name: string;
  readonly created_at: string;
  readonly scopes?: readonly string[];
  readonly actions?: readonly string[];
  readonly metadata_filter?: Readonly<Record<string, string>>;
  readonly expires_at?: string;
  readonly last_used_at?: string | null;
}

/** Commands about tenants' keys: all with the admin key, else those that the tenant's key may manage. */
export function addKeys(program: Command, bind: Bind): void {
  const keys = program
    .command('keys')
    .description('manage API keys, with the admin key or one of the tenant');
  const tenantOption = ['--tenant <id>', 'tenant; default: from the settings', readTenant] as const;
  keys
    .command('list')
    .description('list, oldest first')
    .option(...tenantOption)
    .action(bind(list));
  keys
    .command('create')
    .description('create a key; it is shown once')
    .argument('<name>', 'name of the key')
    .option(...tenantOption)
    .option('--scopes <list>', `all that it may do, of ${KEY_SCOPES.join(',')}`)
    .option('--actions <list>', 'the only actions that it is for')
    .option(
      '--metadata <name=value>',
      'its jobs have this entry, and it sees no others; repeatable',
      collectPair,
    )
    .option('--expires <time>', 'when it ends: a time, or a duration such as 30d', readTime(1, Date.now))
    .action(bind(create));
  keys
    .command('rotate')
    .description('replace a key; the new one is shown once')
    .argument('<key_id>', 'the key', readName)
    .option(
      '--grace <duration>',
      'for how long the replaced key is still valid; default: a day',
      readDuration,
    )
    .action(bind(rotate));
  keys
    .command('delete')
    .description('delete a key; it stops working at once')
    .argument('<key_id>', 'the key', readName)
    .action(bind(remove));
}

async function list(world: World, options: { tenant?: string }): Promise<ExitCode> {
  const { gateway, path } = await ofTenant(world, options);
  const { keys } = await gateway.json<{ keys: Key[] }>({ method: 'GET', path });
  const rows = keys.map((key) => [
    key.name,
    local(key.created_at),
    key.expires_at === undefined ? '' : local(key.expires_at),
    key.last_used_at ? local(key.last_used_at) : '',
    mayOf(key),
    key.key_id,
  ]);
  tell(world, { keys }, () =>
    rows.length === 0 ? 'no keys' : table(['NAME', 'CREATED', 'EXPIRES', 'LAST USED', 'MAY', 'KEY ID'], rows),
  );
  return 0;
}

function mayOf({ scopes = ['all'], actions = [], metadata_filter = {} }: Key): string {
  const jobs = Object.entries(metadata_filter).map(([name, value]) => `${name}=${value}`);
  return [...scopes, ...[...actions, ...jobs].map((one) => `only ${one}`)].join(' ');
}

interface KeyOptions {
  readonly tenant?: string;
  readonly scopes?: string;
  readonly actions?: string;
  readonly metadata?: Record<string, string>;
  readonly expires?: string;
}

async function create(world: World, options: KeyOptions, name = ''): Promise<ExitCode> {
  const place = await ofTenant(world, options);
  const { scopes, actions, metadata: metadata_filter, expires: expires_at } = options;
  const body = {
    name,
    scopes: scopes?.split(','),
    actions: actions?.split(','),
    metadata_filter,
    expires_at,
  };
  return tellNewKey(world, place, body);
}

async function rotate(world: World, { grace }: { grace?: number }, id = ''): Promise<ExitCode> {
  const body = grace === undefined ? {} : { grace_s: Math.round(grace / 1_000) };
  const { gateway, path } = await ofKey(world, id);
  return tellNewKey(world, { gateway, path: `${path}/rotate` }, body);
}

async function tellNewKey(world: World, { gateway, path }: Place, body: object): Promise<ExitCode> {
  const key = await gateway.json<Key & { api_key: string }>({ method: 'POST', path, body });
  tell(world, key, () => `${key.api_key} (shown only once)\nkey id ${key.key_id}`);
  return 0;
}

async function remove(world: World, _: unknown, id = ''): Promise<ExitCode> {
  const { gateway, path } = await ofKey(world, id);
  await gateway.json({ method: 'DELETE', path });
  tell(world, { key_id: id, deleted: true }, () => `deleted ${id}`);
  return 0;
}

interface Place {
  readonly gateway: Gateway;
  readonly path: string;
}

async function ofTenant(world: World, options: { tenant?: string }): Promise<Place> {
  if (!(await isAdmin(world))) return { gateway: await world.tenant(options), path: '/keys' };
  return {
    gateway: await world.gateway(),
    path: `/admin/tenants/${await tenantOf(world, options)}/keys`,
  };
}

async function ofKey(world: World, id: string): Promise<Place> {
  const path = `/keys/${encodeURIComponent(id)}`;
  if (!(await isAdmin(world))) return { gateway: await world.tenant(), path };
  return { gateway: await world.gateway(), path: `/admin${path}` };
}

/** The admin key counts where both are set: it sees all keys. */
async function isAdmin(world: World): Promise<boolean> {
  return (await world.settings()).admin_key !== undefined;
}

async function tenantOf(world: World, { tenant }: { tenant?: string }): Promise<string> {
  const id = tenant ?? (await world.settings()).tenant?.value;
  if (id === undefined) throw new CannotRun('give --tenant <id>, or set ERRAND_TENANT');
  return encodeURIComponent(id);
}
