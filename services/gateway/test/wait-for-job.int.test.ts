import type { StoredEvent } from '@errand/bus';
import { connectionOf } from '@errand/bus/testing';
import { JobSummary, type RunAccepted } from '@errand/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { progressed, RUN_PATH, STARTED, SUCCEEDED, startTestGateway, type TestGateway } from './gateway.ts';

/*
 * A wait that is to be woken is so long that a test without the wake fails. Those that are to end by themselves take
 * a second, the shortest there is, or as long as what is to happen meanwhile may take on a busy machine.
 */

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway();
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

const run = async (): Promise<RunAccepted> => (await gateway.call(RUN_PATH, { body: { tilt_deg: 1 } })).json;
const runAndWait = (prefer: string, headers = {}) =>
  gateway.call(RUN_PATH, { body: { tilt_deg: 1 }, headers: { prefer, ...headers } });

/** Resolves once so many callers wait. */
async function waiters(count: number): Promise<void> {
  const waits = async () => /^errand_job_waits\S* (\d+)$/m.exec((await gateway.call('/metrics')).text)?.[1];
  await expect.poll(waits, { interval: 10, timeout: 20_000 }).toBe(String(count));
}

/** The next job that is requested after the call. */
function nextRequested(): Promise<StoredEvent> {
  return new Promise((resolve) => {
    const stop = gateway.bus.jobs.onStored('stored.jobs.>', {
      onGap: () => {},
      onEvent: (stored) => {
        if (stored.type !== 'JobRequested') return;
        stop();
        resolve(stored);
      },
    });
  });
}

/** Resolves once somebody asks the log for a job. */
function askedFor(jobId: string): Promise<void> {
  return new Promise((resolve) => {
    const asking = connectionOf(gateway.bus).subscribe('$JS.API.>', {
      callback: (_, message) => {
        if (!message.string().includes(jobId)) return;
        asking.unsubscribe();
        resolve();
      },
    });
  });
}

async function finish(jobId: string, version: number): Promise<void> {
  const started = await gateway.append(jobId, version, STARTED);
  await gateway.append(jobId, started ?? 0, SUCCEEDED);
}

test('a run that is waited for is answered with its summary when it ends', async () => {
  const requested = nextRequested();
  await connectionOf(gateway.bus).flush();
  const answering = runAndWait('respond-async, wait=50');
  const { ref, version } = await requested;
  await waiters(1);
  await finish(ref.jobId, version);
  const answer = await answering;
  expect(answer.status).toBe(200);
  expect(JobSummary.parse(answer.json)).toMatchObject({ status: 'succeeded', results: { kwh: 7 } });
  expect(answer.headers.get('preference-applied')).toBe('wait=50');
  expect(answer.headers.get('location')).toBe(answer.json.links.status);
  // The same as status says, which reads it all.
  const status = await gateway.call(answer.json.links.status);
  expect(answer.json).toEqual(status.json);
});

test('a job without a result has null in every answer', async () => {
  const requested = nextRequested();
  await connectionOf(gateway.bus).flush();
  const waiting = runAndWait('wait=50');
  const { ref, version } = await requested;
  const started = (await gateway.append(ref.jobId, version, STARTED)) ?? 0;
  await gateway.append(ref.jobId, started, { type: 'JobSucceeded', data: { attempt: 1, duration_ms: 5 } });
  const waited = (await waiting).json;
  const asked = (await gateway.call(`/v2/tenants/acme/jobs/${ref.jobId}`)).json;
  expect([waited.status, waited.results, asked.results]).toEqual(['succeeded', null, null]);
});

test('a run that does not end in time is accepted with 202', async () => {
  const answer = await runAndWait('wait=1');
  expect([answer.status, answer.headers.get('preference-applied')]).toEqual([202, 'wait=1']);
  expect(answer.json.status).toBe('queued');
  expect((await runAndWait('respond-async')).headers.get('preference-applied')).toBeNull();
});

test('a replayed run waits as well', async () => {
  const headers = { 'idempotency-key': 'wait' };
  const first = await runAndWait('wait=0', headers);
  expect(first.status).toBe(202);
  const answering = runAndWait('wait=90', headers);
  await waiters(1);
  await finish(first.json.job_id, first.json.version);
  const answer = await answering;
  expect([answer.status, answer.json.status]).toEqual([200, 'succeeded']);
  expect(answer.headers.get('preference-applied')).toBe('wait=60');
  expect(answer.headers.get('idempotency-replayed')).toBe('true');
});

test('status and job wait for the end, and progress does not end it', async () => {
  const { job_id, version, links } = await run();
  const answering = [links.status, `${links.job}?`].map((path) => gateway.call(`${path}&wait=50`));
  await waiters(2);
  const started = await gateway.append(job_id, version, STARTED);
  const halfWay = await gateway.append(job_id, started ?? 0, progressed(50));
  await waiters(2);
  const ended = await gateway.append(job_id, halfWay ?? 0, SUCCEEDED);
  for (const { status, json } of await Promise.all(answering)) {
    expect([status, json.status, json.version]).toEqual([200, 'succeeded', ended]);
  }
  expect((await gateway.call(`${links.status}&wait=50`)).json.version).toBe(ended);
});

test('at the end of a wait the present summary is answered', async () => {
  const { job_id, version, links } = await run();
  const answering = gateway.call(`${links.status}&wait=8`);
  await waiters(1);
  const started = await gateway.append(job_id, version, STARTED);
  await gateway.append(job_id, started ?? 0, progressed(50));
  const { status, json } = await answering;
  expect([status, json.status, json.progress.percent]).toEqual([200, 'running', 50]);
});

test('with If-None-Match a wait ends at the next version, and at its end with 304', async () => {
  const { job_id, version, links } = await run();
  const headers = { 'if-none-match': `W/"${version}"` };
  const answering = gateway.call(`${links.status}&wait=50`, { headers });
  await waiters(1);
  const started = await gateway.append(job_id, version, STARTED);
  const answer = await answering;
  expect([answer.status, answer.json.version]).toEqual([200, started]);
  const unchanged = await gateway.call(`${links.status}&wait=1`, {
    headers: { 'if-none-match': `W/"${started}"` },
  });
  expect(unchanged.status).toBe(304);
});

test('with min_version a wait ends at that version', async () => {
  const { job_id, version, links } = await run();
  const started = (await gateway.append(job_id, version, STARTED)) ?? 0;
  const answering = gateway.call(`${links.status}&wait=50&min_version=${started + 1}`);
  await waiters(1);
  const halfWay = await gateway.append(job_id, started, progressed(50));
  expect((await answering).json.version).toBe(halfWay);
});

test('a wait that is no number is 422, and an unknown job is 404 at once', async () => {
  const { links } = await run();
  const wrong = await gateway.call(`${links.status}&wait=soon`);
  expect([wrong.status, wrong.json.errors]).toMatchObject([422, [{ parameter: 'wait' }]]);
  expect((await gateway.call(`${links.job.replace(/.{4}$/, '0000')}?wait=50`)).status).toBe(404);
  expect((await gateway.call(`${links.status.replace('d-1', 'd-2')}&wait=50`)).status).toBe(404);
});

test('a caller that goes away is not waited for any longer', async () => {
  const { links } = await run();
  const leaving = new AbortController();
  const headers = { authorization: `Bearer ${gateway.apiKey}` };
  const answering = fetch(`${gateway.url}${links.status}&wait=50`, { headers, signal: leaving.signal });
  await waiters(1);
  leaving.abort();
  await expect(answering).rejects.toThrow();
  await waiters(0);
});

test('five hundred callers of as many jobs are each woken by their own', async () => {
  const jobs = await Promise.all(Array.from({ length: 500 }, run));
  const answering = jobs.map(({ links }) => gateway.call(`${links.status}&wait=50`));
  await waiters(500);
  await Promise.all(jobs.map(({ job_id, version }) => finish(job_id, version)));
  const answers = await Promise.all(answering);
  expect(answers.map(({ json }) => json.job_id)).toEqual(jobs.map(({ job_id }) => job_id));
  expect(answers.filter(({ json }) => json.status !== 'succeeded')).toEqual([]);
});

test('what is stored while the log was away is seen when it is back', async () => {
  const { job_id, version, links } = await run();
  const started = (await gateway.append(job_id, version, STARTED)) ?? 0;
  const asked = askedFor(job_id);
  await connectionOf(gateway.bus).flush();
  const answering = gateway.call(`${links.status}&wait=50`);
  await asked;
  // The log answers in the order in which it is asked, so the waiter has had its first read after this.
  expect((await gateway.call(links.status)).status).toBe(200);
  await gateway.nats.kill();
  await expect.poll(async () => (await gateway.call('/readyz')).status).toBe(503);
  await gateway.nats.restart();
  await expect.poll(() => gateway.append(job_id, started, SUCCEEDED), { timeout: 15_000 }).toBeDefined();
  expect((await answering).json.status).toBe('succeeded');
});

test('a gateway that stops answers those who wait with what it knows', async () => {
  const stopping = await startTestGateway();
  const { json } = await stopping.call(RUN_PATH, { body: { tilt_deg: 1 } });
  const answering = stopping.call(`${json.links.status}&wait=60`);
  await expect
    .poll(async () =>
      (await stopping.call('/metrics')).text.includes('errand_job_waits{service="gateway"} 1'),
    )
    .toBe(true);
  await stopping[Symbol.asyncDispose]();
  expect((await answering).json.status).toBe('queued');
});
