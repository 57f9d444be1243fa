import { randomUUIDv7 } from 'node:crypto';
import type { JobLogEntry, RunAccepted } from '@errand/contracts';
import { waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RUN_PATH, STARTED, SUCCEEDED, startTestGateway, TENANT, type TestGateway } from './gateway.ts';
import { openStream } from './streamed.ts';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway({ eventsHeartbeatMs: 50 });
});

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

const run = async (): Promise<RunAccepted> => (await gateway.call(RUN_PATH, { body: { tilt_deg: 1 } })).json;
const logsOf = (jobId: string) => `/v2/tenants/${TENANT}/jobs/${jobId}/logs`;
const time = '2026-01-01T00:00:00.000Z';
const line = (number: number, message = `line ${number}`): JobLogEntry => {
  return { type: 'log', number, time, message };
};

/** As an executor does. */
async function tell(jobId: string, attempt: number, ...entries: JobLogEntry[]): Promise<void> {
  const ref = { tenantId: TENANT, action: 'simulate', jobId };
  expect(await gateway.bus.jobLogs.writer(ref, attempt)(entries)).toBe(true);
}

async function append(jobId: string, version: number, fact: typeof STARTED): Promise<number> {
  const appended = await gateway.append(jobId, version, fact);
  if (appended === undefined) throw new Error('lost a race that nobody else runs');
  return appended;
}

test('a log is read page by page: lines, partial results, and what was dropped', async () => {
  const { job_id } = await run();
  expect((await gateway.call(logsOf(job_id))).json).toEqual({ entries: [], next_after: null });
  await tell(
    job_id,
    1,
    { type: 'log', number: 1, time, message: 'begun', fields: { panels: 12 } },
    { type: 'output', number: 2, time, value: { month: 1, kwh: [1.5] } },
    { type: 'dropped', number: 9, time, count: 7 },
  );
  await tell(job_id, 2, { type: 'log', number: 1, time, message: 'again', cut_of_bytes: 99_999 });
  const { status, json } = await gateway.call(`${logsOf(job_id)}?limit=3`);
  expect(status).toBe(200);
  expect(json.entries).toMatchObject([
    { type: 'log', attempt: 1, number: 1, time, message: 'begun', fields: { panels: 12 } },
    { type: 'output', attempt: 1, number: 2, value: { month: 1, kwh: [1.5] } },
    { type: 'dropped', attempt: 1, number: 9, count: 7 },
  ]);
  expect(json.next_after).toBe(json.entries[2].id);
  const rest = (await gateway.call(`${logsOf(job_id)}?limit=3&after=${json.next_after}`)).json;
  expect(rest).toMatchObject({ entries: [{ attempt: 2, cut_of_bytes: 99_999 }], next_after: null });
});

test('a stream tells what there is and what follows, in order, until the job has ended and all was sent', async () => {
  const { job_id, version } = await run();
  await tell(job_id, 1, line(1));
  const stream = await openStream(gateway, logsOf(job_id));
  expect(stream.response.headers.get('content-type')).toBe('text/event-stream');
  expect(await stream.next()).toMatchObject({ event: 'log', data: { message: 'line 1' } });
  await tell(job_id, 1, line(2), { type: 'output', number: 3, time, value: 'part' });
  expect(await stream.next()).toMatchObject({ event: 'log', data: { message: 'line 2' } });
  expect(await stream.next()).toMatchObject({ event: 'output', data: { value: 'part' } });
  const started = await append(job_id, version, STARTED);
  await tell(job_id, 1, line(4, 'the last one'));
  await append(job_id, started, SUCCEEDED);
  const rest = await stream.rest();
  expect(rest).toMatchObject([{ event: 'log', data: { message: 'the last one' } }]);
  const { id } = rest[0] ?? { id: 0 };
  const headers = { 'last-event-id': String(id) };
  expect((await openStream(gateway, logsOf(job_id), headers)).response.status).toBe(204);
});

test('who comes back gets what was missed, once', async () => {
  const { job_id, version } = await run();
  await tell(job_id, 1, line(1), line(2));
  const first = await openStream(gateway, logsOf(job_id));
  const seen = await first.next();
  first.leave();
  await tell(job_id, 1, line(3));
  await append(job_id, await append(job_id, version, STARTED), SUCCEEDED);
  const again = await openStream(gateway, logsOf(job_id), { 'last-event-id': String(seen?.id) });
  expect(await again.rest()).toMatchObject([{ data: { number: 2 } }, { data: { number: 3 } }]);
});

test('a stream of a job that has ended goes on to the last page', async () => {
  const { job_id, version } = await run();
  await tell(job_id, 1, line(1), line(2), line(3));
  await append(job_id, await append(job_id, version, STARTED), SUCCEEDED);
  const stream = await openStream(gateway, `${logsOf(job_id)}?limit=1`);
  expect((await stream.rest()).map(({ data }) => data)).toMatchObject(
    [1, 2, 3].map((number) => ({ number })),
  );
});

test('a stream of a job that says nothing is kept alive', async () => {
  const { job_id } = await run();
  const stream = await openStream(gateway, logsOf(job_id));
  for (const frame of ['retry: 2000', ':', ':']) expect(await stream.nextFrame()).toBe(frame);
  stream.leave();
});

test('a stream outlives a while without NATS, and tells each entry once', async () => {
  const { job_id, version } = await run();
  await tell(job_id, 1, line(1));
  const stream = await openStream(gateway, logsOf(job_id));
  expect(await stream.next()).toMatchObject({ data: { number: 1 } });
  await gateway.nats.restart();
  await waitUntil(async () => (await gateway.call('/readyz', { token: null })).status === 200);
  await tell(job_id, 1, line(2));
  await append(job_id, await append(job_id, version, STARTED), SUCCEEDED);
  expect(await stream.rest()).toMatchObject([{ data: { number: 2 } }]);
});

test('a log is for keys with the scope, of jobs that the key may see', async () => {
  const { job_id } = await run();
  await tell(job_id, 1, line(1));
  const newKey = async (tenant: string, body: object) => {
    const made = await gateway.call(`/admin/tenants/${tenant}/keys`, {
      token: 'an-admin-key-for-tests',
      body: { name: 'some', ...body },
    });
    return made.json.api_key as string;
  };
  const statusFor = async (token: string) => (await gateway.call(logsOf(job_id), { token })).status;
  expect(await statusFor(await newKey(TENANT, { scopes: ['logs:read'] }))).toBe(200);
  expect(await statusFor(await newKey(TENANT, { scopes: ['jobs:read'] }))).toBe(403);
  expect(await statusFor(await newKey(TENANT, { metadata_filter: { customer: 'c-1' } }))).toBe(404);
  expect(await statusFor(await newKey(TENANT, { actions: ['other'] }))).toBe(404);
});

test('what is wrong is named', async () => {
  const { job_id } = await run();
  const refused = await gateway.call(`${logsOf(job_id)}?limit=0&after=x`);
  expect(refused.status).toBe(422);
  expect(refused.json.errors.map(({ parameter }: { parameter: string }) => parameter)).toEqual([
    'after',
    'limit',
  ]);
  expect((await gateway.call(logsOf(randomUUIDv7()))).json.code).toBe('unknown_job');
  expect((await gateway.call(`${logsOf(job_id)}?lines=3`)).status).toBe(422);
});
