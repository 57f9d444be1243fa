import type { Command } from 'commander';
import { CannotRun } from '../../cannot-run.ts';
import { type Bind, tell, type World } from '../../command.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { table } from '../../output/text.ts';
import { local } from '../../output/times.ts';
import { readName, readTenant } from '../../settings/read-values.ts';

interface Key {
  readonly key_id: string;
  readonly tenant_id: string;
  readonly name: string;
  readonly created_at: string;
}

/** Commands about tenants' keys, which need the admin key. */
export function addKeys(program: Command, bind: Bind): void {
  const keys = program.command('keys').description("manage tenants' API keys");
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
    .action(bind(create));
  keys
    .command('delete')
    .description('delete a key; it stops working at once')
    .argument('<key_id>', 'the key', readName)
    .action(bind(remove));
}

async function list(world: World, options: { tenant?: string }): Promise<ExitCode> {
  const path = `/admin/tenants/${await tenantOf(world, options)}/keys`;
  const { keys } = await (await world.gateway()).json<{ keys: Key[] }>({ method: 'GET', path });
  const rows = keys.map(({ key_id, name, created_at }) => [name, local(created_at), key_id]);
  tell(world, { keys }, () => (rows.length === 0 ? 'no keys' : table(['NAME', 'CREATED', 'KEY ID'], rows)));
  return 0;
}

async function create(world: World, options: { tenant?: string }, name = ''): Promise<ExitCode> {
  const path = `/admin/tenants/${await tenantOf(world, options)}/keys`;
  const gateway = await world.gateway();
  const key = await gateway.json<Key & { api_key: string }>({ method: 'POST', path, body: { name } });
  tell(world, key, () => `${key.api_key} (shown only once)\nkey id ${key.key_id}`);
  return 0;
}

async function remove(world: World, _: unknown, id = ''): Promise<ExitCode> {
  await (await world.gateway()).json({ method: 'DELETE', path: `/admin/keys/${encodeURIComponent(id)}` });
  tell(world, { key_id: id, deleted: true }, () => `deleted ${id}`);
  return 0;
}

async function tenantOf(world: World, { tenant }: { tenant?: string }): Promise<string> {
  const id = tenant ?? (await world.settings()).tenant?.value;
  if (id === undefined) throw new CannotRun('give --tenant <id>, or set ERRAND_TENANT');
  return encodeURIComponent(id);
}
