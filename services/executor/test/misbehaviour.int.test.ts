import { fileURLToPath } from 'node:url';
import type { Bus } from '@errand/bus';
import type { JobRef } from '@errand/contracts';
import type { JobState } from '@errand/domain';
import { startTestNats, type TestNats } from '@errand/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openExecutorTestBus, type TestJobs, testJobs } from './executor.ts';
import { FAULTS, LEFTOVERS } from './fixtures/misbehaving.ts';
import { type Supervised, superviseExecutor } from './supervised.ts';

const ACTIONS = fileURLToPath(new URL('./fixtures/misbehaving.ts', import.meta.url));

let nats: TestNats;
let bus: Bus;
let jobs: TestJobs;
let executor: Supervised;
beforeAll(async () => {
  nats = await startTestNats();
  bus = await openExecutorTestBus(nats.url);
  jobs = testJobs(bus);
});
beforeEach(() => {
  executor = superviseExecutor({ NATS_URL: nats.url, ERRAND_ACTIONS: ACTIONS });
});
afterEach(() => executor[Symbol.asyncDispose]());
afterAll(async () => {
  await bus?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

const request = (action: string, inputs: readonly object[]) =>
  Promise.all(inputs.map((input) => jobs.request(action, input)));

/** What became of jobs, when all have ended. */
async function outcomes(
  refs: readonly JobRef[],
): Promise<{ status: unknown; attempt: number; code: unknown }[]> {
  const isOver = ({ phase }: JobState) => phase.value.finishedAt !== null;
  const ended = await Promise.all(refs.map((ref) => jobs.stateWhen(ref, isOver, 60_000)));
  return ended.map(({ phase, attempt, outcome }) => ({
    status: phase.value.status,
    attempt: attempt.value.number,
    code: outcome.value.errors[0]?.code,
  }));
}

const WELL = { status: 'succeeded', attempt: 1, code: undefined };
const PATIENT = [{ ms: 3_000 }, { ms: 10 }];

const ways = (names: readonly string[]) => names.map((way) => ({ way }));
const failed = (code: string) => ({ status: 'failed', attempt: 2, code });

describe.each(['', '_in_thread'])('an action%s', (where) => {
  test('that leaves errors behind or ends its process fails by name, and nothing else does', async () => {
    const names = Object.keys(FAULTS);
    const innocents = await request(`innocent${where}`, PATIENT);
    const silent = await request(`outlast${where}`, [{ way: 'never_settles' }]);
    const ended = await outcomes(await request(`misbehave${where}`, ways(names)));
    const expected = names.map((way) =>
      way === 'throws_as_json'
        ? { way, status: 'failed', attempt: 1, code: 'invalid_result' }
        : { way, ...failed('action_failed') },
    );
    expect(ended.map((each, index) => ({ way: names[index], ...each }))).toEqual(expected);
    expect(await outcomes(silent)).toEqual([failed('timed_out')]);
    expect(await outcomes(innocents)).toEqual(PATIENT.map(() => WELL));
    expect(executor.ends).toEqual([]);
  }, 90_000);

  test('that leaves behind what fails after its end harms nobody', async () => {
    const ended = await outcomes(await request(`misbehave${where}`, ways(Object.keys(LEFTOVERS))));
    const innocents = await outcomes(await request(`innocent${where}`, PATIENT));
    expect(ended).toEqual(ended.map(() => WELL));
    expect(innocents).toEqual(PATIENT.map(() => WELL));
    expect(executor.ends).toEqual([]);
  }, 90_000);
});

test.each([
  ['loops', 'outlast', 'timed_out'],
  ['loops_in_microtasks', 'outlast', 'timed_out'],
  ['fills_memory', 'misbehave', 'action_failed'],
])(
  'an action that %s takes its process down once, and nobody with it',
  async (way, action, code) => {
    // Still at work when the other one begins, also on a busy machine.
    const innocents = await request('innocent', [{ ms: 7_000 }, { ms: 10 }]);
    await jobs.stateWhen(innocents[0] as JobRef, ({ phase }) => phase.value.status === 'running');
    expect(await outcomes(await request(action, [{ way }]))).toEqual([failed(code)]);
    const [slow, quick] = await outcomes(innocents);
    // It was at work in the process that died.
    expect(slow).toEqual({ status: 'succeeded', attempt: 2, code: undefined });
    expect(quick).toMatchObject({ status: 'succeeded' });
    expect(executor.ends).toHaveLength(1);
    // The next one of its kind takes nothing down.
    expect(await outcomes(await request(action, [{ way }]))).toEqual([failed(code)]);
    expect(executor.ends).toHaveLength(1);
  },
  90_000,
);

test('what keeps a thread from answering, or fills its memory, harms its own attempt only', async () => {
  const innocents = await request('innocent_in_thread', PATIENT);
  const silent = await request('outlast_in_thread', ways(['loops', 'loops_in_microtasks']));
  const greedy = await request('misbehave_in_thread', [{ way: 'fills_memory' }]);
  expect(await outcomes([...silent, ...greedy])).toEqual([
    ...silent.map(() => failed('timed_out')),
    failed('action_failed'),
  ]);
  expect(await outcomes(innocents)).toEqual(PATIENT.map(() => WELL));
  expect(executor.ends).toEqual([]);
}, 90_000);
