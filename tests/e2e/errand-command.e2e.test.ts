import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VerifyReport } from '@errand/contracts';
import { openDatabase, openSession } from '@errand/postgres';
import { createTestDatabase, startReceiver, startTestNats, waitUntil } from '@errand/testkit';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Caller, createCaller } from './caller.ts';
import { type System, startSystem } from './system.ts';

const COMMAND = fileURLToPath(new URL('../../libs/cli/src/main.ts', import.meta.url));

const resources = new AsyncDisposableStack();
let system: System;
let caller: Caller;
let databaseUrl: string;
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'errand-command-'));
  resources.defer(() => rm(dir, { recursive: true }));
  const nats = resources.use(await startTestNats());
  const database = resources.use(await createTestDatabase());
  databaseUrl = database.url;
  system = resources.use(await startSystem({ natsUrl: nats.url, databaseUrl }));
  caller = resources.use(await createCaller(system, 'operated'));
});
afterAll(() => resources.disposeAsync());

/** Runs the command as an operator does. */
function errand(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = { PATH: process.env.PATH, ERRAND_URL: system.url, ERRAND_ADMIN_KEY: system.adminKey };
  return new Promise((resolve) => {
    execFile(process.execPath, [COMMAND, ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

async function verify() {
  const { code, stdout, stderr } = await errand('verify', '--json');
  if (code === 2) throw new Error(stderr);
  return { code, report: VerifyReport.parse(JSON.parse(stdout)) };
}

async function runJob(): Promise<string> {
  const accepted = await caller.run();
  if (!accepted) throw new Error('not accepted');
  await waitUntil(async () => (await caller.status(accepted.job_id)).finished_at !== null);
  return accepted.job_id;
}

test('verify exits 0 on a healthy system with deliveries, and 1 once a delivery and a row are gone', async () => {
  await using receiver = await startReceiver();
  await caller.createWebhook({ url: `${receiver.url}/told`, method: 'POST' });
  // Endpoints only count a few seconds after their creation, since clocks differ.
  await waitUntil(
    async () => {
      await runJob();
      return (await verify()).report.checked.deliveries > 0;
    },
    { timeoutMs: 60_000 },
  );
  const jobId = await runJob();
  await receiver.waitFor(({ body }) => body.includes(jobId));
  const healthy = await verify();
  expect(healthy).toMatchObject({ code: 0, report: { findings: [], unconfirmed: 0 } });
  expect((await errand('verify', '--tenant', 'operated')).stdout).toContain(
    '        0  jobs that ended twice',
  );

  const db = openDatabase({ url: databaseUrl, name: 'test', poolSize: 1 });
  try {
    const told = db.selectFrom('webhook_message').select('event_id').where('job_id', '=', jobId);
    await db.deleteFrom('webhook_delivery').where('event_id', 'in', told).execute();
    await db.deleteFrom('job_summary').where('job_id', '=', jobId).execute();
  } finally {
    await db.destroy();
  }
  // The log shows when the webhooks service is past the ending for good.
  const { report } = await waitUntil(async () => {
    const seen = await verify();
    return seen.report.findings.length === 2 ? seen : undefined;
  });
  expect(report.findings.map(({ kind, count }) => [kind, count]).sort()).toEqual([
    ['delivery_missing', 1],
    ['row_missing', 1],
  ]);
  const { code, stdout } = await errand('verify');
  expect([code, stdout]).toEqual([1, expect.stringContaining(jobId)]);
});

test('an export verifies until a byte of it is changed, and a wrong key is named as such', async () => {
  await runJob();
  const file = join(dir, 'audit.ndjson');
  expect((await errand('audit', 'export', '--tenant', 'operated', '--out', file)).code).toBe(0);
  expect((await errand('audit', 'check', file)).code).toBe(0);
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace('"attempt":1', '"attempt":2'));
  const { code, stdout } = await errand('audit', 'check', file);
  expect([code, stdout]).toEqual([1, expect.stringMatching(/^line \d+: position \d+ does not follow/)]);
  const piped = await errand('audit', 'export', '--type', 'JobSucceeded');
  expect(piped.stdout.split('\n')[1]).toContain('JobSucceeded');
  const wrong = await errand('audit', 'export', '--from', 'yesterday');
  expect([wrong.code, wrong.stderr]).toEqual([
    2,
    expect.stringContaining('\n  from  must be an RFC 3339 time'),
  ]);
});

test('a read model that has lost a row is rebuilt, one rebuild at a time, which can be canceled', async () => {
  const projection = async (...args: string[]) => {
    const { code, stdout, stderr } = await errand('projection', ...args);
    return [code, stdout.trimEnd(), stderr.trimEnd()];
  };
  const jobId = await runJob();
  const db = openDatabase({ url: databaseUrl, name: 'test', poolSize: 1 });
  await using cleanUp = new AsyncDisposableStack();
  cleanUp.defer(() => db.destroy());
  const isInTable = () =>
    db.selectFrom('job_summary').select('version').where('job_id', '=', jobId).executeTakeFirst();
  await waitUntil(async () => (await isInTable()) !== undefined);
  expect(await projection('status')).toEqual([0, 'none', '']);
  expect(await projection('cancel')).toEqual([1, '', 'no rebuild is running']);

  await db.deleteFrom('job_summary').where('job_id', '=', jobId).execute();
  const [code, last] = await projection('rebuild', '--wait');
  expect([code, last]).toEqual([0, expect.stringMatching(/^done: (\d+) of \1 events, 100 %$/)]);
  expect(await isInTable()).toBeDefined();
  expect(await projection('status')).toEqual([0, last, '']);

  // A rebuild waits for this lock before it writes its first row.
  await using blocking = await openSession({ url: databaseUrl, name: 'test' });
  await sql`select pg_advisory_lock(hashtext('errand_partitions'))`.execute(blocking.db);
  expect(await projection('rebuild')).toEqual([0, expect.stringMatching(/^reading: 0 of /), '']);
  expect(await projection('rebuild')).toEqual([1, '', 'a rebuild is already running']);
  const status = await errand('projection', 'status', '--json');
  expect(JSON.parse(status.stdout)).toMatchObject({ state: 'reading', error: null });
  expect(await projection('cancel')).toEqual([0, expect.stringMatching(/^canceled: /), '']);
  expect(await projection('cancel')).toEqual([1, '', 'no rebuild is running']);
  await sql`select pg_advisory_unlock(hashtext('errand_partitions'))`.execute(blocking.db);
  expect((await projection('rebuild', '--wait'))[0]).toBe(0);
  expect(await isInTable()).toBeDefined();
});
