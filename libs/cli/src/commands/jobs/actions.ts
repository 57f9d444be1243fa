import { type ActionContract, ErrandError, resourceParameters } from '@errand/client';
import type { Command } from 'commander';
import { type Bind, tell, type World } from '../../command.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { facts, plain, shellWord, table } from '../../output/text.ts';
import { spanOf } from '../../output/times.ts';
import { readName } from '../../settings/read-values.ts';
import { unknownAction } from './run.ts';

export function addActions(program: Command, bind: Bind): void {
  const actions = program
    .command('actions')
    .description('list the actions, or show the input of one')
    .argument('[name]', 'action name', readName)
    .action(bind((world, _, name) => (name === undefined ? listAll(world) : showOne(world, name))));
  actions
    .command('withdraw')
    .description('remove an action that no executor serves any more; needs the admin key')
    .argument('<name>', 'action name', readName)
    .action(bind((world, _, name = '') => withdraw(world, name)));
}

async function listAll(world: World): Promise<ExitCode> {
  const actions = await (await world.errand()).actions({ signal: world.signal });
  const rows = actions.map((action) => [
    action.name,
    action.resource,
    action.version,
    servedBy(action),
    action.description,
  ]);
  tell(world, { actions }, () => table(['ACTION', 'RESOURCE', 'VERSION', 'SERVED', 'DESCRIPTION'], rows));
  return 0;
}

/** Whether executors serve it, and how many contracts are live while they are replaced. */
function servedBy({ unserved_since = null, contracts = [] }: Partial<ActionContract>): string {
  const served = unserved_since === null ? 'yes' : `not since ${unserved_since}`;
  return contracts.length > 1 ? `${served}, ${contracts.length} contracts` : served;
}

async function showOne(world: World, name: string): Promise<ExitCode> {
  const errand = await world.errand();
  let action: ActionContract;
  try {
    action = await errand.action(name, { signal: world.signal });
  } catch (error) {
    if (!(error instanceof ErrandError && error.code === 'unknown_action')) throw error;
    throw await unknownAction(errand, name, error);
  }
  tell(world, action, () => textOf(action));
  return 0;
}

async function withdraw(world: World, name: string): Promise<ExitCode> {
  const path = `/admin/actions/${encodeURIComponent(name)}`;
  await (await world.gateway()).json({ method: 'DELETE', path });
  tell(world, { withdrawn: name }, () => `withdrew ${name}`);
  return 0;
}

interface Schema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

function textOf(action: ActionContract): string {
  const { properties = {}, required = [] } = action.input_schema as Schema;
  const members = Object.entries(properties).map(([name, schema]) => [
    name,
    schema.enum ? schema.enum.join('|') : schema.type,
    required.includes(name) ? 'required' : defaultOf(schema),
    schema.description,
  ]);
  const resources = resourceParameters(action.resource).map((name) => ` --resource ${name}=…`);
  const head = facts({
    action: action.name,
    description: action.description,
    resource: action.resource,
    version: action.version,
    contract: action.contract_id,
    served: servedBy(action),
    attempts: action.max_attempts,
    timeout: spanOf(action.timeout_ms),
    'to run': `errand run ${shellWord(action.name)}${resources.join('')} --input '{…}'`,
  });
  return members.length === 0 ? head : `${head}\n\n${table(['INPUT', 'TYPE', '', 'DESCRIPTION'], members)}`;
}

function defaultOf({ default: value }: Schema): string {
  return value === undefined ? '' : plain(`default ${JSON.stringify(value)}`);
}
