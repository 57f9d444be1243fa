import { connectionOf } from '@errand/bus/testing';
import { JobSummary, type RunAccepted } from '@errand/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  RUN_PATH,
  SIMULATE,
  STARTED,
  SUCCEEDED,
  startTestGateway,
  TENANT,
  type TestGateway,
} from './gateway.ts';
import { forget, openReadModel } from './read-model.ts';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway();
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

const run = async (): Promise<RunAccepted> => (await gateway.call(RUN_PATH, { body: { tilt_deg: 30 } })).json;
const cancel = (path: string, options = {}) => gateway.call(path, { method: 'POST', ...options });

async function runAndStart() {
  const job = await run();
  return { ...job, version: (await gateway.append(job.job_id, job.version, STARTED)) ?? 0 };
}

async function typesOf(jobId: string): Promise<string[]> {
  const events = await gateway.bus.jobs.read({ tenantId: TENANT, jobId });
  return events.toSorted((a, b) => a.version - b.version).map(({ event }) => event.type);
}

test('a queued job is canceled at once: 200 with its summary', async () => {
  const { job_id, links } = await run();
  const answer = await cancel(links.cancel);
  expect(answer.status).toBe(200);
  expect(JobSummary.parse(answer.json)).toMatchObject({
    job_id,
    status: 'canceled',
    cancel_requested: false,
  });
  expect(answer.headers.get('etag')).toBe(`W/"${answer.json.version}"`);
  expect((await gateway.call(links.job)).json).toEqual(answer.json);
});

test('a running job is asked to stop: 202, also when it is asked again', async () => {
  const { job_id, links } = await runAndStart();
  const first = await cancel(links.cancel, { body: { reason: 'too expensive' } });
  expect(first.status).toBe(202);
  expect(first.json).toMatchObject({ status: 'running', cancel_requested: true });
  const second = await cancel(links.cancel);
  expect([second.status, second.json]).toEqual([202, first.json]);
  const events = await gateway.bus.jobs.read({ tenantId: TENANT, jobId: job_id });
  const asked = events.find(({ event }) => event.type === 'JobCancelRequested');
  expect(asked?.event.data).toEqual({ by: 'test key', reason: 'too expensive' });
});

test('a job that has an operation outside is asked to stop, also between two polls of it: 202', async () => {
  const { job_id, version, links } = await runAndStart();
  const operation = 'http://10.0.0.1/ops/1';
  const data = { attempt: 1, until: new Date(Date.now() + 60_000).toISOString(), operation };
  const deferred = (await gateway.append(job_id, version, { type: 'JobDeferred', data })) ?? 0;
  await gateway.append(job_id, deferred, { type: 'JobDue', data: { reason: 'deferred' } });
  const answer = await cancel(links.cancel);
  expect([answer.status, answer.json.status]).toEqual([202, 'queued']);
  expect(await typesOf(job_id)).toContain('JobCancelRequested');
  const { text } = await gateway.call(links.events);
  expect(text).toContain('JobDeferred');
  expect(text).not.toContain(operation);
});

test('an ended job is 409 and told how it ended', async () => {
  const { job_id, version, links } = await runAndStart();
  await gateway.append(job_id, version, SUCCEEDED);
  const answer = await cancel(links.cancel);
  expect([answer.status, answer.json.code]).toEqual([409, 'already_ended']);
  expect(answer.json.detail).toContain('succeeded');
});

test('a job is canceled by its action and resource too', async () => {
  const { job_id } = await run();
  const path = `${RUN_PATH.replace(/run$/, 'cancel')}?job_id=${job_id}`;
  expect((await cancel(path.replace('d-1', 'd-2'))).status).toBe(404);
  expect((await cancel(path.replace('simulate', 'paint'))).status).toBe(404);
  expect((await cancel(path.replace(/=.*/, '='))).json.errors).toMatchObject([{ parameter: 'job_id' }]);
  expect((await cancel(path)).json.status).toBe('canceled');
});

test('404 for an unknown job and for a stranger, 410 for one that has expired', async () => {
  await gateway.announce({ ...SIMULATE, name: 'paint' });
  const { links } = await run();
  const unknown = links.cancel.replace(/.{4}\/cancel/, '0000/cancel');
  expect((await cancel(unknown)).status).toBe(404);
  const { api_key } = await gateway.createKey('other', 'stranger');
  expect((await cancel(links.cancel.replace('acme', 'other'), { token: api_key })).status).toBe(404);
  gateway.shiftMs = 8 * 86_400_000;
  try {
    expect((await cancel(links.cancel)).status).toBe(410);
  } finally {
    gateway.shiftMs = 0;
  }
});

test('a job that the log no longer holds has ended, as its summary tells', async () => {
  await using readModel = openReadModel(gateway);
  await readModel.migrate();
  const { job_id, links } = await run();
  await cancel(links.cancel);
  await readModel.project(job_id);
  await forget(gateway, job_id);
  // The store may still be resting after its failures without a table.
  await expect.poll(async () => (await cancel(links.cancel)).status).toBe(409);
  expect((await cancel(links.cancel)).json.detail).toContain('canceled');
});

test.each([
  [422, { body: { reason: 'x'.repeat(501) } }],
  [422, { body: { raison: 'x' } }],
  [400, { body: '{' }],
  [415, { body: 'reason=x', headers: { 'content-type': 'text/plain' } }],
])('a wrong body is %d and cancels nothing', async (status, options) => {
  const { links } = await run();
  expect((await cancel(links.cancel, options)).status).toBe(status);
  expect((await gateway.call(links.job)).json.status).toBe('queued');
});

test('when a cancel and an ending race, one wins, and the answer is what the log says', {
  timeout: 180_000,
}, async () => {
  const RACES = 2_000;
  const LANES = 16;
  const seen: Record<string, number> = {};
  let left = RACES;

  /** Does what an executor does, from wherever the job stands, until the job has ended. */
  async function finish(jobId: string, fromVersion: number, isStarted: boolean): Promise<void> {
    let version: number | undefined = fromVersion;
    let started = isStarted;
    for (;;) {
      // A few round trips, so that the two meet now early and now late.
      for (let trips = left % 7; trips > 0; trips--) await connectionOf(gateway.bus).flush();
      const next: number | undefined = await gateway.append(jobId, version, started ? SUCCEEDED : STARTED);
      if (next !== undefined && started) return;
      if (next !== undefined) {
        version = next;
        started = true;
        continue;
      }
      const events = await gateway.bus.jobs.read({ tenantId: TENANT, jobId });
      if (events.some(({ event }) => event.type === 'JobCanceled')) return;
      version = Math.max(...events.map((each) => each.version));
    }
  }

  async function race(isStarted: boolean): Promise<void> {
    const job = isStarted ? await runAndStart() : await run();
    const [answer] = await Promise.all([
      cancel(job.links.cancel),
      finish(job.job_id, job.version, isStarted),
    ]);
    const types = (await typesOf(job.job_id)).slice(1);
    const outcome = `${answer.status} ${answer.json.status ?? ''} ${types.join(' ')}`;
    seen[outcome] = (seen[outcome] ?? 0) + 1;
  }

  await Promise.all(
    Array.from({ length: LANES }, async () => {
      while (left > 0) await race(left-- % 2 === 0);
    }),
  );

  // The answer 409 carries the HTTP status in its own `status`.
  const possible = [
    '200 canceled JobCanceled',
    '202 running JobStarted JobCancelRequested JobSucceeded',
    '409 409 JobStarted JobSucceeded',
  ];
  expect(Object.values(seen).reduce((sum, count) => sum + count, 0)).toBe(RACES);
  expect(Object.keys(seen).sort()).toEqual(possible);
});

test('a job is canceled although its newest event is of a type that this version does not know', async () => {
  const { job_id, version, links } = await run();
  const subject = `jobs.${TENANT}.simulate.${job_id}.annotated`;
  const stored = (await connectionOf(gateway.bus).request(subject, '{"type":"JobAnnotated"}')).json<{
    seq: number;
  }>();
  expect((await gateway.call(links.status)).json).toMatchObject({ status: 'queued', version: stored.seq });
  expect(stored.seq).toBeGreaterThan(version);
  expect((await cancel(links.cancel)).json.status).toBe('canceled');
});
