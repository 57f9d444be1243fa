import type { Command } from 'commander';
import { orCannotRun } from '../cannot-run.ts';
import { type Bind, tell, type World } from '../command.ts';
import type { ExitCode } from '../output/exit-codes.ts';
import { table } from '../output/text.ts';
import { load } from './serve.ts';

/* Commands for a second NATS that takes over where the first one is lost. They speak to NATS itself. */

interface MirrorState {
  readonly stream: string;
  readonly messages: number;
  readonly behind: number;
  readonly silentMs: number | undefined;
}

interface StandbyPackage {
  readonly mirror: (site: string, world: World) => Promise<MirrorState[]>;
  readonly promote: (world: World) => Promise<string>;
}

export function addStandby(program: Command, bind: Bind): void {
  program
    .command('mirror')
    .description('make a NATS (NATS_URL) the standby of a site, or say how its mirrors stand')
    .argument('<site>', 'the name that the configuration of its NATS has in front of .API')
    .action(bind(mirror));
  program
    .command('promote')
    .description('make a standby (NATS_URL) the log of the system, after its site was lost')
    .action(bind(promote));
}

async function mirror(world: World, _: object, site = ''): Promise<ExitCode> {
  const standby = await loadFor(world, 'mirror');
  const states = await orCannotRun(world, standby.mirror(site, world));
  const body = states.map(({ stream, messages, behind, silentMs }) => ({
    stream,
    messages,
    behind,
    silent_ms: silentMs ?? null,
  }));
  tell(world, { mirrors: body }, () =>
    table(
      ['STREAM', 'MESSAGES', 'BEHIND', 'LAST HEARD'],
      states.map(({ stream, messages, behind, silentMs }) => [
        stream,
        String(messages),
        String(behind),
        silentMs === undefined ? 'never' : `${(silentMs / 1_000).toFixed(1)} s ago`,
      ]),
    ),
  );
  return 0;
}

async function promote(world: World): Promise<ExitCode> {
  const standby = await loadFor(world, 'promote');
  const site = await orCannotRun(world, standby.promote(world));
  tell(world, { promoted: site }, () => `promoted the standby of ${site}`);
  world.say(
    'start the services; then errand projection rebuild --wait if Postgres was kept, and errand verify',
  );
  return 0;
}

function loadFor(world: World, command: string): Promise<StandbyPackage> {
  return load(world, { command, from: '@errand/server', specifier: '@errand/server/standby' });
}
