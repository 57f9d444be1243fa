import { randomUUIDv7 } from 'node:crypto';
import { connectionOf } from '@errand/bus/testing';
import { type JobFact, type JobRef, toJobEvent } from '@errand/contracts';
import { REQUEST } from '@errand/domain/testing';
import { startTestNats, startTestScheduler, type TestNats, waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inMs, openTestJobs, retrying, STARTED, type TestJobs } from './test-jobs.ts';

/* What version 1 of the executor protocol has left in the log is run by executors of this one. */

const CONTRACT = {
  name: 'add',
  contract_id: 'c2',
  accepts: [],
  version: '1',
  description: '',
  resource: '',
  input_schema: {},
  result_schema: {},
  max_attempts: 3,
  timeout_ms: 1_000,
};

let nats: TestNats;
let jobs: TestJobs;
beforeAll(async () => {
  nats = await startTestNats();
  jobs = await openTestJobs(nats.url);
});
afterAll(async () => {
  await jobs?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

async function api<T>(subject: string, body: unknown = ''): Promise<T> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return (await connectionOf(jobs.bus).request(subject, text)).json<T>();
}

/** As an older gateway wrote it: without a contract, in the lane alone. */
async function requestOld(then: readonly JobFact[] = [], changes = {}): Promise<JobRef> {
  const ref = { tenantId: 'acme', action: 'add', jobId: randomUUIDv7() };
  const { contract_id: _, ...before } = REQUEST;
  const data = { ...before, finish_by: inMs(3_600_000), ...changes };
  const about = { id: randomUUIDv7(), jobId: ref.jobId, source: '/errand/test', timeMs: Date.now() } as const;
  const event = toJobEvent({ type: 'JobRequested', data }, about);
  const subject = `jobs.acme.add.${ref.jobId}.requested.fast`;
  let { seq: version } = await api<{ seq: number }>(subject, event);
  for (const fact of then) version = await jobs.append(ref, version, fact);
  return ref;
}

test('jobs of version 1 that were queued, running or waiting are asked to be run once, and its executors end', async () => {
  const queued = await requestOld();
  const running = await requestOld([STARTED]);
  const waiting = await requestOld([STARTED, retrying(inMs(500))]);
  const later = await requestOld([], { start_after: inMs(500) });
  const ended = await requestOld([{ type: 'JobCanceled', data: { by: 'somebody' } }]);
  const consumer = { durable_name: 'executor-add', filter_subjects: ['jobs.*.add.*.requested.*'] };
  const config = { ...consumer, ack_policy: 'explicit' };
  await api('$JS.API.CONSUMER.DURABLE.CREATE.JOBS.executor-add', { stream_name: 'JOBS', config });
  await api('$JS.API.STREAM.CREATE.TIMERS', { name: 'TIMERS', subjects: ['timers.>'] });
  await api('$KV.actions.add', { ...CONTRACT, contract_id: undefined, accepts: undefined });

  await using _ = await startTestScheduler(nats.url);
  const names = async () =>
    (await api<{ consumers: string[] }>('$JS.API.CONSUMER.NAMES.JOBS')).consumers ?? [];
  await waitUntil(async () => !(await names()).includes('executor-add'));
  expect(await api('$JS.API.STREAM.INFO.TIMERS')).toMatchObject({ error: { code: 404 } });
  // Nobody can run them yet.
  expect(await jobs.typesOf(queued)).toEqual(['JobRequested']);

  const announced = { executor_id: 'new', protocol: 2, lease_ms: 2_000, contract: CONTRACT };
  expect(await jobs.bus.commands.askScheduler('announce', announced)).toMatchObject({
    kind: 'admitted',
    sources: [{ consumer: 'executor-add-0', contract_id: 'c2' }],
  });
  const dueOf = async (ref: JobRef) => (await jobs.lastOf(ref, 'JobDue')).data;
  expect(await dueOf(queued)).toEqual({ reason: 'update', contract_id: 'c2' });
  expect(await dueOf(running)).toEqual({ reason: 'update', contract_id: 'c2', handed_over_by: 'e' });
  expect(await dueOf(waiting)).toEqual({ reason: 'retry', contract_id: 'c2' });
  expect(await dueOf(later)).toEqual({ reason: 'start_after', contract_id: 'c2' });
  expect(await jobs.typesOf(ended)).toEqual(['JobRequested', 'JobCanceled']);
  const info = await api<{ num_pending: number }>('$JS.API.CONSUMER.INFO.JOBS.executor-add-0');
  expect(info.num_pending).toBe(4);
});

test('an executor of another version of the protocol is refused in words', async () => {
  await using _ = await startTestScheduler(nats.url);
  const old = { executor_id: 'old', protocol: 1, lease_ms: 2_000, contract: CONTRACT };
  expect(await jobs.bus.commands.askScheduler('announce', old)).toEqual({
    kind: 'refused',
    code: 'old_protocol',
    message: 'this system speaks version 2 of the executor protocol, not 1',
  });
});
