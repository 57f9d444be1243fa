import type { Bus } from '@errand/bus';
import { connectionOf } from '@errand/bus/testing';
import { startTestNats, type TestNats, waitUntil } from '@errand/testkit';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import {
  attemptsEnded,
  openExecutorTestBus,
  startTestExecutor,
  type TestExecutor,
  type TestJobs,
  testJobs,
} from './executor.ts';

let nats: TestNats;
let bus: Bus;
let jobs: TestJobs;
let executor: TestExecutor;
beforeAll(async () => {
  nats = await startTestNats();
  bus = await openExecutorTestBus(nats.url);
  jobs = testJobs(bus);
});
afterEach(() => executor[Symbol.asyncDispose]());
afterAll(async () => {
  await bus?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

/** Sets how much the store of payloads may hold; less than a message means that it takes nothing. */
async function resizePayloads(maxBytes: number): Promise<void> {
  const info = await connectionOf(bus).request('$JS.API.STREAM.INFO.OBJ_payloads');
  const { config } = info.json<{ config: object }>();
  const answer = await connectionOf(bus).request(
    '$JS.API.STREAM.UPDATE.OBJ_payloads',
    JSON.stringify({ ...config, max_bytes: maxBytes }),
  );
  expect(answer.json()).not.toHaveProperty('error');
}

/** An executor that finds no room. */
const start = async (storeResultMs: number) => {
  executor = await startTestExecutor(nats.url, { ERRAND_EXECUTOR_STORE_RESULT_MS: String(storeResultMs) });
  await resizePayloads(1);
};
const large = { text: 'x', times: 300_000 };

/** As many as the action has slots, each with a result that cannot be stored. */
async function storingInVain(count: number) {
  const refs = await Promise.all(Array.from({ length: count }, () => jobs.request('echo', large)));
  for (const ref of refs) await jobs.stateWhen(ref, ({ phase }) => phase.value.status === 'running');
  return refs;
}

test('a result that cannot be stored fails its attempt by name, and its slot is free again', async () => {
  await start(1_000);
  const refs = await storingInVain(4);
  const small = await jobs.request('echo', { text: 'small' });
  for (const ref of refs) {
    const { outcome, phase } = await jobs.ended(ref);
    expect([phase.value.status, outcome.value.errors[0]?.code]).toEqual(['failed', 'result_not_stored']);
  }
  expect((await jobs.ended(small)).phase.value.status).toBe('succeeded');
});

test('a result is stored once there is room, within the limit', async () => {
  await start(60_000);
  const [ref] = await storingInVain(1);
  await resizePayloads(5_000_000);
  const { attempt, outcome } = await jobs.ended(ref as NonNullable<typeof ref>);
  expect(attempt.value.number).toBe(1);
  expect(outcome.value.resultRef?.content_type).toBe('application/json');
});

test.each([
  ['is canceled', { type: 'JobCancelRequested', data: { by: 'amy' } }, 'canceled'],
  ['has expired', { type: 'JobExpired', data: { deadline: 'finish_by' } }, 'expired'],
] as const)('nothing is stored any more of a job that %s, and its slot is free', async (_, fact, status) => {
  await start(3_600_000);
  const refs = await storingInVain(4);
  const small = await jobs.request('echo', { text: 'small' });
  for (const ref of refs) {
    const version = (await bus.jobs.read(ref)).at(-1)?.version ?? 0;
    await jobs.append(ref, version, fact);
    expect((await jobs.ended(ref)).phase.value.status).toBe(status);
  }
  expect((await jobs.ended(small)).phase.value.status).toBe('succeeded');
  const outcome = status === 'canceled' ? 'canceled' : 'superseded';
  await waitUntil(async () => (await attemptsEnded(executor, 'echo', outcome)) === 4);
});

test.each(['file', 'file_in_thread'])(
  'a file that cannot be stored fails its attempt by name: %s',
  async (action) => {
    await start(1_000);
    const { outcome } = await jobs.ended(await jobs.request(action, {}));
    expect(outcome.value.errors).toMatchObject([{ code: 'result_not_stored' }]);
  },
);

test('a job whose result is being stored is handed over when its executor stops', async () => {
  await start(3_600_000);
  const [ref] = await storingInVain(1);
  await executor[Symbol.asyncDispose]();
  await start(3_600_000);
  await resizePayloads(5_000_000);
  const { attempt, phase } = await jobs.ended(ref as NonNullable<typeof ref>);
  expect([phase.value.status, attempt.value.number]).toEqual(['succeeded', 1]);
});

test('a result beyond the share of its tenant fails its attempt at once', async () => {
  executor = await startTestExecutor(nats.url, {
    ERRAND_EXECUTOR_STORE_RESULT_MS: '3600000',
    ERRAND_PAYLOADS_TENANT_PERCENT: '1',
  });
  await resizePayloads(60_000_000);
  const ends = async () => {
    const { outcome } = await jobs.ended(await jobs.request('echo', { text: 'x', times: 900_000 }));
    return outcome.value.resultRef?.content_type ?? outcome.value.errors[0]?.code;
  };
  await ends();
  expect(await ends()).toBe('result_not_stored');
});
