import { setTimeout as sleep } from 'node:timers/promises';
import type { World } from '../command.ts';
import type { ExitCode } from '../exit-codes.ts';

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

/** Starts a rebuild of the read model; with `wait` it follows one to its end. 1 if that end is not that it is done. */
export async function rebuildProjection(world: World, { wait }: { wait: boolean }): Promise<ExitCode> {
  const response = await (await world.gateway()).ask('POST', PATH, { expected: [409] });
  if (response.status === 409) world.say('a rebuild is under way already');
  if (!wait) return response.status === 409 ? 1 : tell(world, (await response.json()) as Progress);
  await response.body?.cancel();
  for (;;) {
    const progress = await readProgress(world);
    if (['done', 'canceled', 'failed'].includes(progress.state)) {
      tell(world, progress);
      return progress.state === 'done' ? 0 : 1;
    }
    world.say(lineOf(progress));
    await sleep(LOOK_MS, undefined, { signal: world.signal });
  }
}

export async function projectionStatus(world: World): Promise<ExitCode> {
  return tell(world, await readProgress(world));
}

/** 1 if there is none under way. */
export async function cancelRebuild(world: World): Promise<ExitCode> {
  const response = await (await world.gateway()).ask('POST', `${PATH}/cancel`, { expected: [404, 409] });
  if (response.ok) return tell(world, (await response.json()) as Progress);
  world.say('no rebuild is under way');
  return 1;
}

async function readProgress(world: World): Promise<Progress> {
  const response = await (await world.gateway()).ask('GET', PATH, { expected: [404] });
  return response.ok ? ((await response.json()) as Progress) : { state: 'none' };
}

function tell(world: World, progress: Progress): ExitCode {
  world.stdout.write(`${world.json ? JSON.stringify(progress) : lineOf(progress)}\n`);
  return 0;
}

function lineOf({ state, events, total, percent, eta_s: etaS, error }: Progress): string {
  const done = events === undefined ? '' : `: ${events} of ${total} events, ${percent} %`;
  const left = etaS === undefined || etaS === null ? '' : `, ${Math.ceil(etaS)} s left`;
  return `${state}${done}${left}${error ? ` (${error})` : ''}`;
}
