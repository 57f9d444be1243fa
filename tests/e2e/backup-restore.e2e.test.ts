import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobSummary, VerifyReport } from '@errand/contracts';
import { type Receiver, startReceiver, startTestNats, startTestPostgres, waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Ran, runErrand } from './errand-command.ts';
import { type System, startSystem } from './system.ts';

/*
 * A drill: NATS and Postgres are lost with all their data, and a backup that was taken under load is all that there is. Every
 * job that it has must end, and each ending be told.
 */

const TENANT = 'drill';
const ADMIN_KEY = 'an-admin-key-of-the-drill-0123456789';
const ENDED = 100;
const RUNNING = 20;
const HELD = 30;
const WAITING = 25;
const WITH_LARGE_INPUT = 10;
const LARGE_BYTES = 20_000;

const LARGE = 'y'.repeat(LARGE_BYTES);
const CALLERS = 4;

const resources = new AsyncDisposableStack();
afterAll(() => resources.disposeAsync());
let folder: string;
let receiver: Receiver;
let settings: Record<string, string>;
let backup: string;
/** The key of the tenant, which outlives the system that made it. */
let key: string;
/** Jobs that were accepted before the backup began. */
const accepted: string[] = [];
let ended: string[];
let timed: string[];
let startAfter: string;
/** A job that begins an hour later. */
let later: string;
const LATER = new Date(Date.now() + 3_600_000).toISOString();

/** Jobs that wait for a file, fail until it is there, or end at once with a result that is stored apart. */
const actionIn = (place: string) => `import { once } from 'node:events';
import { existsSync, watch } from 'node:fs';
import { defineAction, z } from '@errand/actions';
const mayEnd = () => existsSync(${JSON.stringify(join(place, 'may-end'))});
const define = (name, concurrency, run) => defineAction({
  name, concurrency, retry: { maxAttempts: 5, firstDelayMs: 10_000 }, input: z.object({ text: z.string() }), result: z.object({ text: z.string() }), run,
});
export const quick = define('quick', 16, async ({ input }) => ({ text: input.text.repeat(2) }));
export const long = define('long', ${RUNNING}, async ({ input, signal }) => {
  const place = watch(${JSON.stringify(place)}).unref();
  while (!mayEnd()) await once(place, 'change', { signal });
  place.close();
  return { text: input.text };
});
export const failing = define('failing', 16, async ({ input }) => {
  if (!mayEnd()) throw new Error('not yet');
  return { text: input.text };
});
`;

/** A tenant's calls; the key outlives the system that made it. */
function callerOf(system: System, key: string) {
  const call = async (method: string, path: string, body?: object, as = key) => {
    const answer = await fetch(system.url + path, {
      method,
      headers: { authorization: `Bearer ${as}`, 'content-type': 'application/json' },
      body: body ? JSON.stringify(body) : null,
    });
    const text = await answer.text();
    return { status: answer.status, body: text ? JSON.parse(text) : undefined };
  };
  const base = `/v2/tenants/${TENANT}`;
  return {
    call,
    async run(action: string, { text = 'x', options = {} }: { text?: string; options?: object } = {}) {
      const { status, body } = await call('POST', `${base}/${action}/run`, { text, _job: options });
      return status === 202 ? (body.job_id as string) : undefined;
    },
    async job(jobId: string): Promise<JobSummary | undefined> {
      const { status, body } = await call('GET', `${base}/jobs/${jobId}`);
      return status === 200 ? body : undefined;
    },
    result: (jobId: string) => call('GET', `${base}/jobs/${jobId}/result`),
    async listed(): Promise<JobSummary[]> {
      const jobs: JobSummary[] = [];
      for (let after = ''; ; ) {
        const { status, body } = await call('GET', `${base}/jobs?limit=100${after}`);
        if (status !== 200) throw new Error(`not listed: ${status}`);
        jobs.push(...body.jobs);
        if (!body.next_cursor) return jobs;
        after = `&cursor=${encodeURIComponent(body.next_cursor)}`;
      }
    },
  };
}

async function expectSuccess(ran: Promise<Ran>): Promise<Ran> {
  const { code, stdout, stderr } = await ran;
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return { code, stdout, stderr };
}

type Caller = ReturnType<typeof callerOf>;

beforeAll(async () => {
  // Inside the repository, where action files can resolve their imports.
  const ignored = join(import.meta.dirname, '..', '..', '.errand');
  await mkdir(ignored, { recursive: true });
  folder = await mkdtemp(join(ignored, 'drill-'));
  resources.defer(() => rm(folder, { recursive: true, force: true }));
  backup = join(folder, 'backup');
  await writeFile(join(folder, 'action.ts'), actionIn(folder));
  settings = {
    ERRAND_ADMIN_KEY: ADMIN_KEY,
    ERRAND_SECRET_KEY: Buffer.alloc(32, 7).toString('base64'),
    ERRAND_ACTIONS: join(folder, 'action.ts'),
    ERRAND_INLINE_PAYLOAD_BYTES: '10000',
    ERRAND_LOG_TRIM_MS: '1000',
    ERRAND_LEASE_MS: '2000',
  };
  receiver = resources.use(await startReceiver({ respond: 503 }));
  await using losing = new AsyncDisposableStack();
  const nats = losing.use(await startTestNats());
  const postgres = losing.use(await startTestPostgres());
  const system = losing.use(await startSystem({ natsUrl: nats.url, databaseUrl: postgres.url }, settings));
  const caller = await fill(system);

  // The backup is taken while jobs come and end; those may be in it or not.
  const loaded = new AbortController();
  let more = 0;
  const load = Array.from({ length: CALLERS }, async () => {
    while (!loaded.signal.aborted) if (await caller.run('quick', { text: LARGE })) more++;
  });
  const { stderr } = await expectSuccess(runErrand({ NATS_URL: nats.url }, ['backup', backup]));
  loaded.abort();
  await Promise.all(load);
  expect(more).toBeGreaterThan(0);
  expect(stderr).toMatch(/^AUDIT {2}\d+ messages/m);
  // Calls were made, and none was taken: the deliveries that are due again are lost with Postgres.
  expect(receiver.requests.length).toBeGreaterThan(0);
  await nats.kill();
});

/** Has jobs that have ended, run, are held, and wait for an attempt or a time. */
async function fill(system: System): Promise<Caller> {
  const admin = callerOf(system, ADMIN_KEY);
  await admin.call('PUT', `/admin/tenants/${TENANT}`, {});
  const made = await admin.call('POST', `/admin/tenants/${TENANT}/keys`, { name: 'drill' });
  key = made.body.api_key;
  const caller = callerOf(system, key);
  await caller.call('POST', `/v2/tenants/${TENANT}/webhooks`, { url: `${receiver.url}/told` });
  await waitUntil(async () => (await caller.run('quick')) !== undefined, { timeoutMs: 30_000 });
  const request = async (count: number, ...about: Parameters<Caller['run']>) => {
    const ids = await Promise.all(Array.from({ length: count }, () => caller.run(...about)));
    expect(ids).not.toContain(undefined);
    accepted.push(...ids.map(String));
    return ids.map(String);
  };
  const count = async (wanted: (job: JobSummary) => boolean) => (await caller.listed()).filter(wanted).length;
  ended = await request(ENDED, 'quick', { text: LARGE });
  await waitUntil(async () => (await count(({ status }) => status === 'succeeded')) >= ENDED, {
    timeoutMs: 30_000,
  });
  const limits = { max_running_per_action: RUNNING };
  await admin.call('PUT', `/admin/tenants/${TENANT}`, { limits });
  await request(WITH_LARGE_INPUT, 'long', { text: LARGE });
  await request(RUNNING + HELD - WITH_LARGE_INPUT, 'long');
  await request(WAITING, 'failing');
  startAfter = new Date(Date.now() + 12_000).toISOString();
  timed = await request(WAITING, 'quick', { options: { start_after: startAfter } });
  later = (await caller.run('quick', { options: { start_after: LATER, finish_by_s: 60 } })) ?? '';
  const isRetrying = ({ attempt }: JobSummary) => attempt.next_at !== null && attempt.number > 0;
  await waitUntil(
    async () =>
      (await count(({ status }) => status === 'running')) >= RUNNING && (await count(isRetrying)) >= WAITING,
    { timeoutMs: 30_000 },
  );
  return caller;
}

/** Waits until the jobs of the backup, and a new one, have ended and been told of, and verifies the system. */
async function expectAllEnd(system: System): Promise<Caller> {
  const caller = callerOf(system, key);
  const fresh = await waitUntil(() => caller.run('quick'), { timeoutMs: 30_000 });
  const all = await waitUntil(
    async () => {
      const jobs = new Map((await caller.listed()).map((job) => [job.job_id, job.status]));
      jobs.delete(later);
      const isThere = [...accepted, fresh].every((jobId) => jobs.has(jobId));
      const isOver = isThere && [...jobs.values()].every((status) => status === 'succeeded');
      return isOver ? [...jobs.keys()] : undefined;
    },
    { timeoutMs: 60_000, intervalMs: 250 },
  );
  const told = () => new Set(receiver.requests.map(({ body }) => String(JSON.parse(body).data.job_id)));
  await waitUntil(
    () => {
      const known = told();
      return all.every((jobId) => known.has(jobId));
    },
    { timeoutMs: 30_000 },
  );
  expect(await caller.job(later)).toMatchObject({ status: 'queued', attempt: { number: 0, next_at: LATER } });
  // Large inputs were found again, and so are large results.
  expect((await caller.result(ended[0] ?? '')).body).toEqual({ text: LARGE.repeat(2) });
  expect(Object.values(system.restarts)).toEqual([0, 0, 0, 0, 0]);
  return caller;
}

async function expectVerified(system: System): Promise<void> {
  const { stdout } = await expectSuccess(errandOf(system, 'verify', '--json'));
  const report = JSON.parse(stdout) as VerifyReport;
  expect(report.findings).toEqual([]);
  expect(report.unconfirmed).toBe(0);
  expect(report.checked.jobs).toBeGreaterThanOrEqual(accepted.length);
}

const errandOf = (system: System, ...args: string[]) =>
  runErrand({ ERRAND_URL: system.url, ERRAND_ADMIN_KEY: ADMIN_KEY, HOME: folder }, args);

test('after the loss of NATS and Postgres every job of the backup ends, and each ending is told', {
  timeout: 180_000,
}, async () => {
  receiver.requests.length = 0;
  receiver.respond = 200;
  await using nats = await startTestNats();
  await using postgres = await startTestPostgres();
  const servers = { natsUrl: nats.url, databaseUrl: postgres.url };
  const { stdout } = await expectSuccess(runErrand({ NATS_URL: nats.url }, ['restore', backup]));
  expect(stdout).toMatch(/^restored /);
  {
    await using system = await startSystem(servers, settings);
    await writeFile(join(folder, 'may-end'), '');
    const caller = await expectAllEnd(system);
    // No wait was cut short.
    for (const jobId of timed) {
      const { finished_at: finishedAt } = (await caller.job(jobId)) ?? {};
      expect(Date.parse(finishedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(startAfter));
    }
    await expectVerified(system);
  }

  // The same over a log that went on, beside a database that is ahead of the backup, and knows who was told.
  const refused = await runErrand({ NATS_URL: nats.url }, ['restore', backup]);
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('with --replace it is deleted') });
  await expectSuccess(runErrand({ NATS_URL: nats.url }, ['restore', backup, '--replace']));
  await using system = await startSystem(servers, settings);
  await expectSuccess(errandOf(system, 'projection', 'rebuild', '--wait'));
  await expectAllEnd(system);
  await expectVerified(system);
});
