import { setTimeout as sleep } from 'node:timers/promises';
import { tell, type World } from '../../command.ts';
import { orElse } from '../../gateway.ts';
import type { ExitCode } from '../../output/exit-codes.ts';

const PATH = '/admin/projections/job_summary/rebuild';
const LOOK_MS = 1_000;

interface Progress {
  readonly state: string;
  readonly events?: number;
  readonly total?: number;
  readonly percent?: number;
  readonly eta_s?: number | null;
  readonly error?: string | null;
}

/** Starts a rebuild of the read model; with `wait` it follows one to its end. 1 unless that end is `done`. */
export async function rebuildProjection(world: World, { wait }: { wait: boolean }): Promise<ExitCode> {
  const gateway = await world.gateway();
  const started = await orElse(gateway.json<Progress>({ method: 'POST', path: PATH }), {
    rebuild_running: undefined,
  });
  if (!started) world.say('a rebuild is already running');
  if (!wait) return started ? tellProgress(world, started) : 1;
  for (;;) {
    const progress = await readProgress(world);
    if (['done', 'canceled', 'failed'].includes(progress.state)) {
      tellProgress(world, progress);
      return progress.state === 'done' ? 0 : 1;
    }
    world.say(lineOf(progress));
    await sleep(LOOK_MS, undefined, { signal: world.signal });
  }
}

export async function projectionStatus(world: World): Promise<ExitCode> {
  return tellProgress(world, await readProgress(world));
}

/** 1 if there is none under way. */
export async function cancelRebuild(world: World): Promise<ExitCode> {
  const call = (await world.gateway()).json<Progress>({ method: 'POST', path: `${PATH}/cancel` });
  const canceled = await orElse(call, { no_rebuild_running: undefined, unknown_rebuild: undefined });
  if (canceled) return tellProgress(world, canceled);
  world.say('no rebuild is running');
  return 1;
}

async function readProgress(world: World): Promise<Progress> {
  const call = (await world.gateway()).json<Progress>({ method: 'GET', path: PATH });
  return orElse(call, { unknown_rebuild: { state: 'none' } });
}

function tellProgress(world: World, progress: Progress): ExitCode {
  tell(world, progress, () => lineOf(progress));
  return 0;
}

function lineOf({ state, events, total, percent, eta_s: etaS, error }: Progress): string {
  const done = events === undefined ? '' : `: ${events} of ${total} events, ${percent} %`;
  const left = etaS === undefined || etaS === null ? '' : `, ${Math.ceil(etaS)} s left`;
  return `${state}${done}${left}${error ? ` (${error})` : ''}`;
}
