import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { JobEvent, JobSummary } from '@errand/contracts';
import { freePort } from '@errand/local-servers';
import {
  createTestDatabase,
  natsUrlOf,
  type SlowProxy,
  startSlowProxy,
  startTestNats,
  verifyLog,
  waitUntil,
} from '@errand/testkit';
import { expect, test } from 'vitest';
import { createCaller } from './caller.ts';
import { startExecutorCopy } from './scaled-executors.ts';
import { startSystem } from './system.ts';

/*
 * Workers in Python, behind two executors that they reach by HTTP, each through a network that fails: whatever dies or is cut
 * off, each job ends once, with its result. 1,000 jobs: ERRAND_REMOTE_JOBS=1000 ERRAND_REMOTE_HARMS=60.
 */

const JOBS = Number(process.env.ERRAND_REMOTE_JOBS ?? 60);
const HARMS = Number(process.env.ERRAND_REMOTE_HARMS ?? 6);
const KEY = 'a-key-of-all-workers';
const SILENCE_MS = 1_000;
const LEASE_MS = 2_000;
const WORKER_FILE = join(import.meta.dirname, 'remote_work.py');
const resources = new AsyncDisposableStack();

/** A process that can be killed and started again as it was. */
function createProcess(spawnOne: () => ChildProcess) {
  let child = spawnOne();
  const end = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  resources.defer(end);
  return {
    async replace() {
      await end();
      child = spawnOne();
    },
  };
}

test('workers, their executors and the network between them fail, and each job ends once', {
  timeout: 1_800_000,
}, async () => {
  await using _ = resources;
  const { url } = resources.use(await startTestNats());
  const { url: databaseUrl } = resources.use(await createTestDatabase());
  const system = resources.use(await startSystem({ natsUrl: url, databaseUrl }));
  const caller = resources.use(await createCaller(system, 'remote'));
  const executors: { process: ReturnType<typeof createProcess>; network: SlowProxy }[] = [];
  for (let index = 0; index < 2; index++) {
    const port = await freePort();
    const env = {
      NATS_URL: natsUrlOf(url, 'executor'),
      ERRAND_PROVISION: 'false',
      ERRAND_WORKERS_PORT: String(port),
      ERRAND_WORKER_KEYS: `remote_sum=${KEY}`,
      ERRAND_WORKER_SILENCE_MS: String(SILENCE_MS),
      ERRAND_LEASE_MS: String(LEASE_MS),
      ERRAND_LOG_LEVEL: 'error',
    };
    const process = createProcess(() => startExecutorCopy(env));
    executors.push({ process, network: resources.use(await startSlowProxy(`http://127.0.0.1:${port}`)) });
  }
  const workers = Array.from({ length: 4 }, (_unused, index) => {
    const env = { ERRAND_WORKERS_URL: executors[index % 2]?.network.url, ERRAND_WORKER_KEY: KEY };
    const worker = () =>
      spawn('python3', ['-B', WORKER_FILE], { env: { ...process.env, ...env }, stdio: 'ignore' });
    return createProcess(worker);
  });
  const path = '/v2/tenants/remote';
  await waitUntil(async () => (await caller.call('GET', `${path}/actions/remote_sum`)).status === 200, {
    timeoutMs: 30_000,
  });

  const jobIds: string[] = [];
  const asking = (async () => {
    for (let index = 0; index < JOBS; index++) {
      const { status, body } = await caller.call('POST', `${path}/remote_sum/run`, {
        ms: 100 + (index % 10) * 100,
        numbers: [index, 1],
      });
      expect({ status, body }).toMatchObject({ status: 202 });
      jobIds.push((body as { job_id: string }).job_id);
    }
  })();
  const harms = [
    () => workers[Math.floor(Math.random() * workers.length)]?.replace(),
    () => executors[Math.floor(Math.random() * executors.length)]?.process.replace(),
    async () => {
      // What was sent comes late: calls for attempts that others have taken over by then.
      const isCut = executors.some(({ network }) => network.delayMs > 0);
      for (const { network } of executors) network.delayMs = 0;
      const one = executors[Math.floor(Math.random() * executors.length)];
      if (one && !isCut) one.network.delayMs = 2 * SILENCE_MS;
    },
  ];
  const open = async () => {
    const { body } = await caller.call('GET', `${path}/stats`);
    const { queued, running } = (body as { now: { queued: number; running: number } }).now;
    return queued + running;
  };
  await asking;
  for (let harm = 0; harm < HARMS; harm++) {
    const before = await open();
    await harms[harm % harms.length]?.();
    // Each harm meets some work, and leaves some to the next one.
    await waitUntil(async () => (await open()) <= Math.max(0, before - JOBS / (2 * HARMS)), {
      timeoutMs: 60_000,
    });
  }
  for (const { network } of executors) network.delayMs = 0;

  let attempts = 0;
  for (const [index, jobId] of jobIds.entries()) {
    const job = await waitUntil(
      async () => {
        const found = (await caller.call('GET', `${path}/jobs/${jobId}`)).body as JobSummary;
        return ['succeeded', 'failed', 'expired', 'canceled'].includes(found.status) ? found : undefined;
      },
      { timeoutMs: 120_000 },
    );
    expect(job).toMatchObject({ status: 'succeeded', results: { sum: index + 1 } });
    const { body } = await caller.call('GET', `${path}/jobs/${jobId}/events`);
    const types = (body as { events: { type: JobEvent['type'] }[] }).events.map(({ type }) => type);
    expect(types.filter((type) => type === 'JobSucceeded' || type === 'JobFailed')).toHaveLength(1);
    attempts += job.attempt.number;
  }
  console.log('remote workers', { jobs: jobIds.length, harms: HARMS, attempts });
  expect(await verifyLog(system)).toMatchObject({ findings: [] });
});
