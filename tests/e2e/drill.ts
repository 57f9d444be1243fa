import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobSummary, VerifyReport } from '@errand/contracts';
import { type Receiver, startReceiver, waitUntil } from '@errand/testkit';
import { expect } from 'vitest';
import { type Ran, runErrand } from './errand-command.ts';
import type { System } from './system.ts';

/*
 * What drills of a loss have in common: a tenant with jobs that have ended, run, are held and wait, and what must have
 * become of them afterwards.
 */

export interface Drill extends AsyncDisposable {
  readonly folder: string;
  readonly receiver: Receiver;
  /** For the services, before and after the loss. */
  readonly settings: Readonly<Record<string, string>>;
  /** Jobs that must outlive the loss. */
  readonly accepted: string[];
  /** Of the tenant, once the system is filled. */
  callerOf(system: System): Caller;
  /** Makes the tenant, with an endpoint for what becomes of its jobs; resolves once they run. */
  enter(system: System): Promise<Caller>;
  /** Has jobs that have ended, run, are held, and wait for an attempt or a time. No job of `long` ends yet. */
  fill(system: System): Promise<Caller>;
  /** Lets jobs end that wait for it, */
  letEnd(): Promise<void>;
  /** or those that come from here on wait again. */
  letWait(): Promise<void>;
  /** Waits until the accepted jobs, and a new one, have ended and been told of. */
  expectAllEnd(system: System): Promise<Caller>;
  expectVerified(system: System): Promise<void>;
  /** The command, with the admin key. */
  errand(system: System, ...args: string[]): Promise<Ran>;
}

export const TENANT = 'drill';
const ADMIN_KEY = 'an-admin-key-of-the-drill-0123456789';
const ENDED = 100;
const RUNNING = 20;
const HELD = 30;
const WAITING = 25;
const WITH_LARGE_INPUT = 10;
const LARGE_BYTES = 20_000;

export const LARGE = 'y'.repeat(LARGE_BYTES);
const LATER_MS = 3_600_000;

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

type Caller = ReturnType<typeof callerOf>;

/** In a folder inside the repository, where action files can resolve their imports. */
export async function startDrill(): Promise<Drill> {
  await using resources = new AsyncDisposableStack();
  const ignored = join(import.meta.dirname, '..', '..', '.errand');
  await mkdir(ignored, { recursive: true });
  const folder = await mkdtemp(join(ignored, 'drill-'));
  resources.defer(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'action.ts'), actionIn(folder));
  const receiver = resources.use(await startReceiver({ respond: 503 }));
  const accepted: string[] = [];
  const laterAt = new Date(Date.now() + LATER_MS).toISOString();
  let key = '';
  let ended: string[] = [];
  let timed: string[] = [];
  let later = '';
  let startAfter = '';
  const errand = (system: System, ...args: string[]) =>
    runErrand({ ERRAND_URL: system.url, ERRAND_ADMIN_KEY: ADMIN_KEY, HOME: folder }, args);

  async function enter(system: System): Promise<Caller> {
    const admin = callerOf(system, ADMIN_KEY);
    await admin.call('PUT', `/admin/tenants/${TENANT}`, {});
    const made = await admin.call('POST', `/admin/tenants/${TENANT}/keys`, { name: 'drill' });
    key = made.body.api_key;
    const caller = callerOf(system, key);
    await caller.call('POST', `/v2/tenants/${TENANT}/webhooks`, { url: `${receiver.url}/told` });
    await waitUntil(async () => (await caller.run('quick')) !== undefined, { timeoutMs: 30_000 });
    return caller;
  }

  async function fill(system: System): Promise<Caller> {
    const admin = callerOf(system, ADMIN_KEY);
    const caller = key === '' ? await enter(system) : callerOf(system, key);
    const request = async (count: number, ...about: Parameters<Caller['run']>) => {
      const ids = await Promise.all(Array.from({ length: count }, () => caller.run(...about)));
      expect(ids).not.toContain(undefined);
      accepted.push(...ids.map(String));
      return ids.map(String);
    };
    const count = async (wanted: (job: JobSummary) => boolean) =>
      (await caller.listed()).filter(wanted).length;
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
    later = (await caller.run('quick', { options: { start_after: laterAt, finish_by_s: 60 } })) ?? '';
    const isRetrying = ({ attempt }: JobSummary) => attempt.next_at !== null && attempt.number > 0;
    await waitUntil(
      async () =>
        (await count(({ status }) => status === 'running')) >= RUNNING &&
        (await count(isRetrying)) >= WAITING,
      { timeoutMs: 30_000 },
    );
    return caller;
  }

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
    expect(await caller.job(later)).toMatchObject({
      status: 'queued',
      attempt: { number: 0, next_at: laterAt },
    });
    // No wait was cut short.
    for (const jobId of timed) {
      const { finished_at: finishedAt } = (await caller.job(jobId)) ?? {};
      expect(Date.parse(finishedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(startAfter));
    }
    // Large inputs were found again, and so are large results.
    expect((await caller.result(ended[0] ?? '')).body).toEqual({ text: LARGE.repeat(2) });
    expect(Object.values(system.restarts)).toEqual([0, 0, 0, 0, 0]);
    return caller;
  }

  async function expectVerified(system: System): Promise<void> {
    const { stdout } = await expectSuccess(errand(system, 'verify', '--json'));
    const report = JSON.parse(stdout) as VerifyReport;
    expect(report.findings).toEqual([]);
    expect(report.unconfirmed).toBe(0);
    expect(report.checked.jobs).toBeGreaterThanOrEqual(accepted.length);
  }

  const started = resources.move();
  return {
    folder,
    receiver,
    settings: {
      ERRAND_ADMIN_KEY: ADMIN_KEY,
      ERRAND_SECRET_KEY: Buffer.alloc(32, 7).toString('base64'),
      ERRAND_ACTIONS: join(folder, 'action.ts'),
      ERRAND_INLINE_PAYLOAD_BYTES: '10000',
      ERRAND_LOG_TRIM_MS: '1000',
      ERRAND_LEASE_MS: '2000',
    },
    accepted,
    callerOf: (system) => callerOf(system, key),
    enter,
    fill,
    letEnd: () => writeFile(join(folder, 'may-end'), ''),
    letWait: () => rm(join(folder, 'may-end'), { force: true }),
    expectAllEnd,
    expectVerified,
    errand,
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}

export async function expectSuccess(ran: Promise<Ran>): Promise<Ran> {
  const { code, stdout, stderr } = await ran;
  if (code !== 0) throw new Error(stderr);
  return { code, stdout, stderr };
}
