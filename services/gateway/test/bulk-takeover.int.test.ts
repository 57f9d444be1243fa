import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { BulkAction, RunAccepted } from '@errand/contracts';
import { waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { retryJobId } from '../src/bulk/items/retry-item.ts';
import { BULK, type BulkTest, openBulkTest } from './bulk.ts';
import { ADMIN_KEY, startTestGateway, type TestGateway } from './gateway.ts';
import { forget, openReadModel } from './read-model.ts';

/* What becomes of bulk actions whose gateway stops, dies, or is stopped in the middle. */

const LEASE_MS = 1_000;
const MINUTE_MS = 60_000;

let gateway: TestGateway;
let readModel: ReturnType<typeof openReadModel>;
let bulk: BulkTest;

beforeAll(async () => {
  // So slow that whatever is to happen in the middle of some ten jobs does so on a busy machine too.
  gateway = await startTestGateway({ bulkLeaseMs: LEASE_MS, bulkJobsPerSecond: 6 });
  readModel = openReadModel(gateway);
  await readModel.migrate();
  bulk = await openBulkTest(gateway, readModel);
});

afterAll(async () => {
  await readModel?.[Symbol.asyncDispose]();
  await gateway[Symbol.asyncDispose]();
});

const isDone = ({ state }: { state: string }) => state === 'done';
const onceEach = (jobs: readonly unknown[]) => Array(jobs.length).fill(1);

test('failed jobs are retried once each, also if the action is aborted and resumed in between', async () => {
  const jobs = await bulk.runFailed(45, 'resumed');
  const { json } = await bulk.start('retry', { status: ['failed'], metadata: { group: 'resumed' } });
  await bulk.waitFor(json.bulk_id, ({ counts }) => counts.done >= 5);
  const abort = await gateway.call(json.links.abort, { method: 'POST' });
  expect([abort.status, abort.json.state]).toEqual([200, 'aborted']);
  expect((await gateway.call(json.links.abort, { method: 'POST' })).json.state).toBe('aborted');
  const released = await waitUntil(async () => {
    const action = await bulk.stored(json.bulk_id);
    return action.lease === null ? action : undefined;
  });
  expect(released).toMatchObject({ state: 'aborted', page: null });
  expect(released.counts.done).toBeLessThan(45);
  const retried = (await bulk.retriesOf(jobs)).filter((count) => count > 0).length;
  expect(retried).toBe(released.counts.done);
  const resume = await gateway.call(json.links.resume, { method: 'POST' });
  expect([resume.status, resume.json.state]).toEqual([200, 'running']);
  const done = await bulk.waitFor(json.bulk_id, isDone);
  expect(done.counts).toEqual({ matched: 45, done: 45, skipped: 0, failed: 0 });
  expect(await bulk.retriesOf(jobs)).toEqual(onceEach(jobs));
});

test('once its lease has lapsed, a bulk action is taken over, and whoever had it stops', async () => {
  const jobs = await bulk.runFailed(40, 'taken over');
  const { json } = await bulk.start('retry', { metadata: { group: 'taken over' } });
  await bulk.waitFor(json.bulk_id, ({ counts }) => counts.done >= 3);
  await using _other = await gateway.another({ bulkJobsPerSecond: 2_000 });
  await bulk.put({ ...(await bulk.stored(json.bulk_id)), lease: { owner: 'nobody', until_ms: 0 } });
  const done = await bulk.waitFor(json.bulk_id, isDone);
  expect(done.counts).toEqual({ matched: 40, done: 40, skipped: 0, failed: 0 });
  expect(await bulk.retriesOf(jobs)).toEqual(onceEach(jobs));
});

/** Has a page done again, as by whoever takes over from a process that died before it noted down what it had done. */
async function doAgain(done: BulkAction, jobs: readonly RunAccepted[], atMs: number) {
  const job_ids = jobs.map(({ job_id }) => job_id).sort();
  const counts = { done: 0, skipped: 0, failed: 0 };
  const page = { at_ms: atMs, job_ids };
  await bulk.put({ ...done, state: 'running', ended_at: null, cursor: null, counts, skips: {}, page });
  return bulk.waitFor(done.bulk_id, isDone);
}

test('a page that is done again asks for nothing again, and counts each job once', async () => {
  const jobs = await bulk.runFailed(10, 'again');
  const { json } = await bulk.start('retry', { metadata: { group: 'again' } });
  await bulk.waitFor(json.bulk_id, isDone);
  const done = await bulk.stored(json.bulk_id);
  const [first] = jobs;
  const atMs = await firstRetryAt(done, first?.job_id ?? '');
  const again = await doAgain(done, jobs, atMs);
  expect(again.counts).toEqual({ matched: 10, done: 10, skipped: 0, failed: 0 });
  expect(await bulk.retriesOf(jobs)).toEqual(onceEach(jobs));
});

/** When the page of a job was read, by the id of its retry. */
async function firstRetryAt(action: BulkAction, jobId: string): Promise<number> {
  for await (const { decoded } of gateway.bus.jobs.readAll({ afterVersion: 0, pageSize: 500 })) {
    for (const each of decoded) {
      if (each.kind !== 'event' || each.recorded.event.type !== 'JobRequested') continue;
      if (each.recorded.event.data.retry_of !== jobId) continue;
      const id = each.recorded.ref.jobId;
      const atMs = Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
      expect(retryJobId({ action, jobId, atMs })).toBe(id);
      return atMs;
    }
  }
  throw new Error('the job was not retried');
}

test.each(['the row', 'the audit log'])('a retry that has left the log is known by %s', async (how) => {
  const jobs = await bulk.runFailed(4, how);
  const { json } = await bulk.start('retry', { metadata: { group: 'nobody yet' } });
  await bulk.waitFor(json.bulk_id, isDone);
  const action = await bulk.stored(json.bulk_id);
  // Of a page that was read so long ago that its retries may have left.
  const atMs = Date.now() - 30 * MINUTE_MS;
  await doAgain(action, jobs, atMs);
  expect(await bulk.retriesOf(jobs)).toEqual(onceEach(jobs));
  const newIds = jobs.map(({ job_id }) => retryJobId({ action, jobId: job_id, atMs }));
  for (const id of newIds) {
    if (how === 'the row') await readModel.project(id);
    const [{ version = 0 } = {}] = await gateway.bus.jobs.read({ tenantId: 'acme', jobId: id });
    await waitUntil(async () => (await gateway.bus.audit.version()) >= version);
    await forget(gateway, id);
  }
  const again = await doAgain(action, jobs, atMs);
  expect(again.counts).toMatchObject({ done: 4, skipped: 0, failed: 0 });
  expect(await bulk.retriesOf(jobs)).toEqual([0, 0, 0, 0]);
});

test('canceled jobs count as canceled when their page is done again', async () => {
  const jobs = await bulk.runJobs(5, 'canceled again');
  const { json } = await bulk.start('cancel', { status: ['queued'], metadata: { group: 'canceled again' } });
  await bulk.waitFor(json.bulk_id, isDone);
  const again = await doAgain(await bulk.stored(json.bulk_id), jobs, Date.now());
  expect(again.counts).toEqual({ matched: 5, done: 5, skipped: 0, failed: 0 });
});

test('at a limit of the tenant it waits, and fails nothing', async () => {
  const jobs = await bulk.runFailed(3, 'limited');
  const limit = (limits: object) =>
    gateway.call('/admin/tenants/acme', { method: 'PUT', token: ADMIN_KEY, body: { limits } });
  const asked = Promise.withResolvers<void>();
  // Stands in for the scheduler, which counts what is queued.
  const handlers = {
    usage() {
      asked.resolve();
      return Promise.resolve({ kind: 'usage', queued: 1, backlog_ms: 0 });
    },
  };
  const stopAnswering = await gateway.bus.commands.answerScheduler(handlers as never, () => {});
  expect((await limit({ max_queued: 1 })).status).toBe(200);
  const { json } = await bulk.start('retry', { metadata: { group: 'limited' } });
  await asked.promise;
  expect((await bulk.get(json.bulk_id)).counts).toMatchObject({ done: 0, failed: 0 });
  expect(await bulk.retriesOf(jobs)).toEqual([0, 0, 0]);
  await limit({});
  const done = await bulk.waitFor(json.bulk_id, isDone);
  expect(done.counts).toEqual({ matched: 3, done: 3, skipped: 0, failed: 0 });
  expect(await bulk.retriesOf(jobs)).toEqual(onceEach(jobs));
  stopAnswering();
});

test('no more than a few bulk actions of a tenant run at a time', async () => {
  const jobs = await bulk.runFailed(60, 'crowd');
  const start = () => bulk.start('retry', { job_ids: jobs.map(({ job_id }) => job_id) });
  const answers = await Promise.all([start(), start(), start(), start(), start()]);
  const started = answers.filter(({ status }) => status === 202);
  const refused = answers.filter(({ status }) => status !== 202);
  expect(started.length).toBe(3);
  expect(refused.map(({ status, json }) => [status, json.code])).toEqual(
    Array(2).fill([409, 'too_many_bulk_actions']),
  );
  for (const { json } of started) {
    expect((await gateway.call(json.links.abort, { method: 'POST' })).status).toBe(200);
  }
  const again = await start();
  expect(again.status).toBe(202);
  await gateway.call(again.json.links.abort, { method: 'POST' });
  const [first] = started;
  expect((await gateway.call(first?.json.links.resume, { method: 'POST' })).status).toBe(200);
  await gateway.call(first?.json.links.abort, { method: 'POST' });
});

test('a gateway that stops leaves a bulk action behind what was under way, and another one goes on at once', async () => {
  // It has work for thirteen seconds, and stops in the middle of it, however late.
  await using own = await startTestGateway({ bulkLeaseMs: 60_000, bulkJobsPerSecond: 3 });
  await using model = openReadModel(own);
  await model.migrate();
  const ownBulk = await openBulkTest(own, model);
  const jobs = await ownBulk.runFailed(40, 'stopped');
  const { json } = await ownBulk.start('retry', { metadata: { group: 'stopped' } });
  await waitUntil(async () => (await ownBulk.retriesOf(jobs)).filter((count) => count > 0).length >= 5);
  await own.stop();
  const left = await ownBulk.stored(json.bulk_id);
  expect(left).toMatchObject({ state: 'running', lease: null, page: null });
  const retried = (await ownBulk.retriesOf(jobs)).filter((count) => count > 0).length;
  expect([left.counts.done, retried < 40]).toEqual([retried, true]);
  await using _other = await own.another({ bulkJobsPerSecond: 2_000 });
  const done = await waitUntil(async () => {
    const action = await ownBulk.stored(json.bulk_id);
    return action.state === 'done' ? action : undefined;
  });
  expect(done.counts).toEqual({ done: 40, skipped: 0, failed: 0 });
  expect(await ownBulk.retriesOf(jobs)).toEqual(onceEach(jobs));
});

test('jobs are retried once each when their gateway is killed in the middle', {
  timeout: 60_000,
}, async () => {
  const jobs = await bulk.runFailed(60, 'killed');
  await gateway.stop();
  const { child, url } = await startProcess();
  try {
    const headers = { authorization: `Bearer ${gateway.apiKey}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ action: 'retry', filter: { metadata: { group: 'killed' } } });
    const answer = await fetch(url + BULK, { method: 'POST', headers, body });
    const { bulk_id: bulkId } = (await answer.json()) as { bulk_id: string };
    const reached = (isWanted: (action: BulkAction) => boolean) =>
      waitUntil(async () => {
        const action = await bulk.stored(bulkId);
        return isWanted(action) ? action : undefined;
      });
    await reached(({ counts }) => counts.done >= 2);
    await kill(child);
    const left = await bulk.stored(bulkId);
    expect(left).toMatchObject({ state: 'running', lease: { owner: expect.any(String) } });
    expect(left.page?.job_ids.length).toBeGreaterThan(10);
    await using _other = await gateway.another({ bulkJobsPerSecond: 2_000 });
    const done = await reached(isDone);
    expect(done.counts).toEqual({ done: 60, skipped: 0, failed: 0 });
    expect(await bulk.retriesOf(jobs)).toEqual(onceEach(jobs));
  } finally {
    await kill(child);
  }
});

/** A gateway in a process of its own. */
async function startProcess(): Promise<{ child: ChildProcess; url: string }> {
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
  const child = spawn(process.execPath, [main], {
    env: {
      PATH: process.env.PATH,
      NATS_URL: gateway.nats.url,
      DATABASE_URL: gateway.database.url,
      ERRAND_HOST: '127.0.0.1',
      ERRAND_PORT: '0',
      ERRAND_ADMIN_KEY: ADMIN_KEY,
      ERRAND_SECRET_KEY: Buffer.alloc(32, 7).toString('base64'),
      ERRAND_BULK_LEASE_MS: String(LEASE_MS),
      // A minute of work: it is killed in the middle of it, however late.
      ERRAND_BULK_JOBS_PER_SECOND: '1',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout });
  for await (const line of lines) {
    const { msg, port } = JSON.parse(line) as { msg?: string; port?: number };
    if (msg !== 'listening') continue;
    child.stdout.resume();
    return { child, url: `http://127.0.0.1:${port}` };
  }
  throw new Error('the gateway did not start');
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
