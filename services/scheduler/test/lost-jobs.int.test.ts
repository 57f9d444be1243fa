import { connectionOf } from '@errand/bus/testing';
import { createLogger, parseConfig } from '@errand/runtime';
import { startTestNats, type TestNats } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { settings } from '../src/config.ts';
import { startScheduler } from '../src/start.ts';
import { inMs, openTestJobs, retrying, STARTED, SUCCEEDED, type TestJobs } from './test-jobs.ts';

const LOST_AFTER_MS = 300;

let nats: TestNats;
let jobs: TestJobs;
const schedulers: AsyncDisposable[] = [];

beforeAll(async () => {
  nats = await startTestNats();
  jobs = await openTestJobs(nats.url);
  const config = parseConfig(settings, { NATS_URL: nats.url, ERRAND_OPS_PORT: '0' });
  const start = () =>
    startScheduler(config, {
      log: createLogger({ service: 'scheduler', level: 'silent' }),
      signal: new AbortController().signal,
      fail: (error: unknown) => void Promise.reject(error),
      lostAfterMs: LOST_AFTER_MS,
    });
  // Both see what is lost, and one of them brings it back.
  schedulers.push(await start(), await start());
  const contract = {
    name: 'add',
    contract_id: 'c1',
    accepts: [],
    version: '1',
    description: '',
    resource: '',
    input_schema: {},
    result_schema: {},
    max_attempts: 3,
    timeout_ms: 1_000,
  };
  const executor = { executor_id: 'e', protocol: 2, lease_ms: 60_000, contract } as const;
  expect((await jobs.bus.commands.askScheduler('announce', executor)).kind).toBe('admitted');
});

afterAll(async () => {
  await Promise.all(schedulers.map((scheduler) => scheduler[Symbol.asyncDispose]()));
  await jobs?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

/** Takes the next event of the action's consumer, as an executor does. */
async function takeNext(): Promise<{ version: number; ack: () => Promise<void> }> {
  const nc = connectionOf(jobs.bus);
  const body = JSON.stringify({ batch: 1, expires: 20_000_000_000 });
  // It comes under its own subject.
  const asked = { timeout: 21_000, noMux: true };
  const message = await nc.request('$JS.API.CONSUMER.MSG.NEXT.JOBS.executor-add-0', body, asked);
  const version = Number(message.reply?.split('.').at(5));
  return {
    version,
    async ack() {
      nc.publish(message.reply ?? '', '+ACK');
      await nc.flush();
    },
  };
}

test('a job that was settled without anything that followed is due again, once', async () => {
  const ref = await jobs.request({ contract_id: 'c1' });
  const { version, ack } = await takeNext();
  await ack();
  expect((await jobs.lastOf(ref, 'JobDue')).data).toEqual({ reason: 'turn', contract_id: 'c1' });
  const due = await takeNext();
  expect(due.version).toBeGreaterThan(version);
  await jobs.append(ref, due.version, STARTED);
  await due.ack();
  expect(await jobs.typesOf(ref)).toEqual(['JobRequested', 'JobDue', 'JobStarted']);
});

test('a lost job that has had an attempt is due for another one, so that executors read what there was', async () => {
  const ref = await jobs.request({ contract_id: 'c1' }, [STARTED, retrying(inMs(-1))]);
  await (await takeNext()).ack();
  const lost = await takeNext();
  await lost.ack();
  const due = await takeNext();
  expect(due.version).toBeGreaterThan(lost.version);
  expect((await jobs.lastOf(ref, 'JobDue')).data).toEqual({ reason: 'retry', contract_id: 'c1' });
  await jobs.append(ref, due.version, { type: 'JobStarted', data: { attempt: 2, executor_id: 'e-2' } });
  await due.ack();
});

test('what an executor still holds, has begun, or waits for a time is left as it is', async () => {
  const begun = await jobs.request({ contract_id: 'c1' }, [STARTED]);
  await (await takeNext()).ack();
  const waiting = await jobs.request({ contract_id: 'c1' }, [STARTED, retrying(inMs(3_600_000))]);
  await (await takeNext()).ack();
  const ended = await jobs.request({ contract_id: 'c1' }, [STARTED, SUCCEEDED]);
  await (await takeNext()).ack();
  const lost = await jobs.request({ contract_id: 'c1' });
  await (await takeNext()).ack();
  const held = await jobs.request({ contract_id: 'c1' });
  const holding = await takeNext();
  const untaken = await jobs.request({ contract_id: 'c1' });
  await jobs.lastOf(lost, 'JobDue');
  expect(await jobs.typesOf(held)).toEqual(['JobRequested']);
  await holding.ack();
  await jobs.lastOf(held, 'JobDue');
  expect(await Promise.all([begun, waiting, ended, untaken].map(jobs.typesOf))).toEqual([
    ['JobRequested', 'JobStarted'],
    ['JobRequested', 'JobStarted', 'JobRetrying'],
    ['JobRequested', 'JobStarted', 'JobSucceeded'],
    ['JobRequested'],
  ]);
});
