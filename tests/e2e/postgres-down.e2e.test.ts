import {
  type Receiver,
  startReceiver,
  startTestNats,
  startTestPostgres,
  type TestPostgres,
  waitUntil,
} from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Caller, createCaller } from './caller.ts';
import { type System, startSystem } from './system.ts';

/* The whole system without Postgres: what needs only the log continues, the rest says so and catches up. */

const TENANT = 'acme';
const JOBS = 20;

const resources = new AsyncDisposableStack();
let postgres: TestPostgres;
let system: System;
let receiver: Receiver;
let caller: Caller;

beforeAll(async () => {
  const nats = resources.use(await startTestNats());
  postgres = resources.use(await startTestPostgres());
  system = resources.use(await startSystem({ natsUrl: nats.url, databaseUrl: postgres.url }));
  receiver = resources.use(await startReceiver());
  caller = resources.use(await createCaller(system, TENANT));
  await caller.createWebhook({ url: `${receiver.url}/told`, description: 'e2e' });
});

afterAll(() => resources.disposeAsync());

const get = (path: string) => caller.call('GET', `/v2/tenants/${TENANT}/${path}`);

async function runJob(): Promise<string> {
  const accepted = await caller.run();
  if (!accepted) throw new Error('a run was not accepted');
  return accepted.job_id;
}

const ended = (jobId: string) =>
  waitUntil(async () => (await caller.status(jobId)).status === 'succeeded', { timeoutMs: 30_000 });

async function listed(): Promise<string[]> {
  const { status, body } = await get('jobs?limit=100');
  return status === 200 ? (body as { jobs: { job_id: string }[] }).jobs.map(({ job_id }) => job_id) : [];
}

test('without Postgres jobs are accepted, run and reported; lists are refused; everything catches up later', {
  timeout: 180_000,
}, async () => {
  const before = await runJob();
  await waitUntil(async () => (await listed()).includes(before), { timeoutMs: 30_000 });

  await postgres.kill();
  const meanwhile = await Promise.all(Array.from({ length: JOBS }, runJob));
  await Promise.all(meanwhile.map(ended));
  expect((await caller.status(before)).status).toBe('succeeded');
  const [jobId] = meanwhile;
  expect(await get(`jobs/${jobId}/events`)).toMatchObject({ status: 200 });
  for (const path of ['jobs', `jobs/${jobId}/deliveries`, 'events']) {
    expect(await get(path)).toMatchObject({
      status: 503,
      headers: { 'content-type': 'application/problem+json', 'retry-after': expect.any(String) },
    });
  }

  await postgres.restart();
  await waitUntil(async () => (await listed()).length === JOBS + 1, { timeoutMs: 60_000 });
  expect((await listed()).toSorted()).toEqual([before, ...meanwhile].toSorted());
  const told = () => receiver.requests.map(({ body }) => String(JSON.parse(body).data.job_id));
  await waitUntil(() => new Set(told()).size === JOBS + 1, { timeoutMs: 60_000 });
  expect(await get(`jobs/${jobId}/deliveries`)).toMatchObject({ status: 200 });
  expect(Object.values(system.restarts)).toEqual([0, 0, 0, 0, 0]);
});
