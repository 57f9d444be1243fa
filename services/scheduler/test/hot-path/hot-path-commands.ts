import type { ConcurrencyKey } from '@errand/contracts';
import type { Command } from '@errand/domain';
import fc from 'fast-check';
import { inMs } from '../test-jobs.ts';
import { type HotPathRound, START_ATTEMPT } from './hot-path-round.ts';
import type { RuledJob } from './hot-path-rules.ts';

/** What of a round can be known before it is run. */
interface HotPathModel {
  jobs: number;
  schedulers: number;
}

type HotPathCommand = fc.AsyncCommand<HotPathModel, HotPathRound>;

const MOST_JOBS = 30;

const index = fc.nat(20);
const tenant = fc.nat(1);
/** In half of the cases nobody waits until the scheduler has done what it can. */
const isHasty = fc.boolean();
const soonMs = fc.integer({ min: 0, max: 60 });
const KEYS: readonly ConcurrencyKey[] = [
  { name: 'account', value: 'lone', limit: 1 },
  { name: 'account', value: 'pair', limit: 2 },
];

const at = (place: RuledJob['place']) => (jobs: RuledJob[]) => jobs.filter((job) => job.place === place);
const open = (jobs: RuledJob[]) => jobs.filter(({ place }) => place !== 'ended');

function command(
  name: string,
  run: (round: HotPathRound, model: HotPathModel) => Promise<void>,
  { hasty = false, check = () => true }: { hasty?: boolean; check?: (model: HotPathModel) => boolean } = {},
): HotPathCommand {
  return {
    check,
    async run(model, round) {
      await run(round, model);
      if (!hasty) await round.untilReleased();
      if (round.broken.length > 0) throw new Error(round.broken.join('\n'));
    },
    toString: () => (hasty ? `${name}!` : name),
  };
}

/** What an executor does to one of its jobs, or a caller to any. */
function written(
  name: string,
  pick: (jobs: RuledJob[]) => RuledJob[],
  make: (job: RuledJob) => Command,
): fc.Arbitrary<HotPathCommand> {
  return fc
    .tuple(index, isHasty)
    .map(([number, hasty]) =>
      command(`${name} ${number}`, (round) => round.write(pick, number, make), { hasty }),
    );
}

const request = fc
  .record({
    tenant,
    isDirect: fc.boolean(),
    isHasty,
    priority: fc.constantFrom(undefined, 1, 5, 9),
    key: fc.constantFrom(undefined, undefined, ...KEYS),
    afterMs: fc.constantFrom(undefined, undefined, undefined, 0, 20, 60),
  })
  .map(({ tenant, isDirect, isHasty: hasty, priority, key, afterMs }) =>
    command(
      `request(${JSON.stringify({ tenant, isDirect, priority, key: key?.value, afterMs })})`,
      (round, model) => {
        model.jobs++;
        const later = afterMs === undefined ? {} : { start_after: inMs(afterMs) };
        const concurrency = key && { concurrency: [key] };
        return round.request(tenant, { priority, ...concurrency, ...later }, isDirect);
      },
      { hasty, check: ({ jobs }) => jobs < MOST_JOBS },
    ),
  );

const error = { code: 'action_failed', message: 'm' };
const start = written('start', at('offered'), () => START_ATTEMPT);
const succeed = written('succeed', at('running'), ({ attempt }) => {
  return { type: 'succeedAttempt', attempt, result: 1, durationMs: 1 };
});
const fail = written('fail', at('running'), ({ attempt }) => {
  return { type: 'failAttempt', attempt, error, durationMs: 1 };
});
const retry = soonMs.chain((ms) =>
  written(`retry in ${ms} ms`, at('running'), ({ attempt }) => {
    return { type: 'retryAttempt', attempt, error, retryAt: inMs(ms) };
  }),
);
const cancel = written('cancel', open, () => ({ type: 'cancelJob', by: 'test' }));
const endWithNext = index.map((number) =>
  command(`end with the next ${number}`, (round) => round.endWithNext(number), { hasty: true }),
);
const late = index.map((number) =>
  command(`late ending ${number}`, (round) => round.writeLate(number), { hasty: true }),
);

/** Limits are known to be in force where one scheduler alone can have answered. */
const isAlone = { check: ({ schedulers }: HotPathModel) => schedulers === 1 };
const limit = fc
  .record({
    tenant,
    most: fc.constantFrom(undefined, 1, 1, 1, 2, 3),
    isPaused: fc.nat(4).map((n) => n === 0),
  })
  .map(({ tenant, most, isPaused }) =>
    command(
      `limit(${JSON.stringify({ tenant, most, isPaused })})`,
      (round) => round.setLimits(tenant, most === undefined ? {} : { max_running: most }, isPaused),
      isAlone,
    ),
  );

const startFollower = fc.constant(
  command(
    'start a follower',
    async ({ system }, model) => {
      model.schedulers++;
      await system.startFollower();
    },
    isAlone,
  ),
);
const stopLeader = isHasty.map((hasty) =>
  command(
    'stop the leader',
    async ({ system }, model) => {
      model.schedulers--;
      await system.stopLeader();
    },
    { hasty, check: ({ schedulers }) => schedulers > 1 },
  ),
);

const often = (arbitrary: fc.Arbitrary<HotPathCommand>, times: number) =>
  Array.from({ length: times }, () => arbitrary);

export const hotPathCommands: fc.Arbitrary<HotPathCommand>[] = [
  ...often(request, 16),
  ...often(start, 9),
  ...often(succeed, 6),
  ...often(retry, 4),
  ...often(fail, 2),
  ...often(cancel, 2),
  ...often(endWithNext, 3),
  ...often(late, 2),
  ...often(limit, 3),
  startFollower,
  stopLeader,
];
