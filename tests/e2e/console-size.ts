/*
 * How the console does with much: `node tests/e2e/console-size.ts`. A job of 10,000 events, its log of 10,000 entries and a
 * list of 100,000 jobs are gone through in a Chromium; printed are the longest interactions, as the browser measures them (Event Timing, from the
 * input to the next frame), and the memory of the page.
 */
import { randomUUIDv7 } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { openBus } from '@errand/bus';
import { DEFAULT_TOPOLOGY, type JobFact, toJobEvent } from '@errand/contracts';
import { openDatabase } from '@errand/postgres';
import { startTestNats, startTestPostgres, waitUntil } from '@errand/testkit';
import { sql } from 'kysely';
import type { CDPSession } from 'playwright-core';
import { signInWith, startBrowser } from './browser.ts';
import { createCaller } from './caller.ts';
import { startSystem } from './system.ts';

const ACTIONS = fileURLToPath(new URL('./console-actions.ts', import.meta.url));
const TENANT = 'large';
const EVENTS = 10_000;
const ENTRIES = 10_000;
const JOBS = 100_000;
const PAGES = 20;

await using resources = new AsyncDisposableStack();
const nats = resources.use(await startTestNats());
const postgres = resources.use(await startTestPostgres());
const servers = { natsUrl: nats.url, databaseUrl: postgres.url };
const system = resources.use(await startSystem(servers, { ERRAND_ACTIONS: ACTIONS }));
const caller = resources.use(await createCaller(system, TENANT));
const bus = resources.use(
  await openBus({ servers: nats.url, name: 'console-size', topology: DEFAULT_TOPOLOGY }),
);
const db = resources.adopt(openDatabase({ url: postgres.url, name: 'console-size', poolSize: 1 }), (each) =>
  each.destroy(),
);

const jobId = await makeLongJob();
await makeLongLog(jobId);
await makeManyRows(jobId);
const browser = resources.adopt(await startBrowser(), (open) => open.close());
const page = await (await browser.newContext({ viewport: { width: 1280, height: 760 } })).newPage();
const devtools = await page.context().newCDPSession(page);
await page.addInitScript(`
  window.slowest = 0;
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) window.slowest = Math.max(window.slowest, duration);
  }).observe({ type: 'event', durationThreshold: 16, buffered: true });
`);
await signInWith(page, system.url, system.adminKey);

await page.goto(`${system.url}/console/t/${TENANT}/jobs/${jobId}?tab=events`);
await page.getByText(new RegExp(`Events ${(EVENTS + 2).toLocaleString('en')}`)).waitFor({ timeout: 60_000 });
await report('a job of 10,000 events, loaded');
for (let turn = 0; turn < PAGES; turn++) {
  await page.locator('.events').hover();
  await page.mouse.wheel(0, 15_000);
  await page.locator('.events button').nth(5).click();
  await page.locator('.json pre').waitFor();
  await page.getByLabel('As of').fill(String(Math.floor((EVENTS / PAGES) * turn)));
}
await report('20 times scrolled, an event opened, and moved in time');

await page.goto(`${system.url}/console/t/${TENANT}/jobs/${jobId}?tab=log`);
await page.getByText(`${ENTRIES.toLocaleString('en')} entries`).waitFor({ timeout: 60_000 });
await report('a log of 10,000 entries, loaded');
await page.locator('.events').press('Home');
for (let turn = 0; turn < PAGES; turn++) {
  await page.locator('.events').hover();
  await page.mouse.wheel(0, 15_000);
  await page.locator('.events button').nth(5).click();
  await page.locator('.json pre').waitFor();
}
await report('20 times scrolled, and an entry opened');

await page.goto(`${system.url}/console/t/${TENANT}/jobs?status=running`);
await page.locator('tbody tr').first().waitFor();
await report('a list of 100,000 jobs, loaded');
for (let turn = 0; turn < PAGES; turn++) {
  const rows = await rowCount();
  await page.getByRole('button', { name: 'Show more' }).click();
  await waitUntil(async () => (await rowCount()) > rows, { timeoutMs: 20_000 });
  await page.keyboard.press('j');
}
await report('20 more pages of it, a row at a time');
await page.getByLabel('Select all jobs shown').check();
await page.getByRole('button', { name: /^All that match/ }).click();
await report('all of them selected');

async function rowCount(): Promise<number> {
  return Number(await page.locator('table').getAttribute('aria-rowcount'));
}

async function makeLongJob(): Promise<string> {
  const body = { _job: { start_after: new Date(Date.now() + 3_600_000).toISOString() } };
  const run = await caller.call('POST', `/v2/tenants/${TENANT}/echo/run`, body);
  const { job_id: id, version } = run.body as { job_id: string; version: number };
  const ref = { tenantId: TENANT, action: 'echo', jobId: id };
  let expectedVersion = version;
  const append = async (fact: JobFact) => {
    const envelope = {
      id: randomUUIDv7(),
      jobId: id,
      source: '/errand/executor',
      timeMs: Date.now(),
    } as const;
    const outcome = await bus.jobs.append({ ref, event: toJobEvent(fact, envelope), expectedVersion });
    if (outcome.kind !== 'appended') throw new Error(`not appended: ${JSON.stringify(outcome)}`);
    expectedVersion = outcome.version;
  };
  await append({ type: 'JobStarted', data: { attempt: 1, executor_id: 'host-1-0a0b0c0d' } });
  for (let nr = 0; nr < EVENTS; nr++) {
    await append({
      type: 'JobProgressed',
      data: { attempt: 1, percent: nr / (EVENTS / 100), message: `step ${nr}` },
    });
  }
  await waitUntil(
    async () => {
      const row = await db
        .selectFrom('job_summary')
        .select('version')
        .where('job_id', '=', id)
        .executeTakeFirst();
      return row?.version === expectedVersion;
    },
    { timeoutMs: 60_000 },
  );
  return id;
}

async function makeLongLog(id: string): Promise<void> {
  const tell = bus.jobLogs.writer({ tenantId: TENANT, action: 'echo', jobId: id }, 1);
  for (let from = 0; from < ENTRIES; from += 1_000) {
    const entries = Array.from({ length: 1_000 }, (_, index) => ({
      type: 'log' as const,
      number: from + index + 1,
      time: new Date().toISOString(),
      message: `step ${from + index}`,
      fields: { nr: from + index },
    }));
    if (!(await tell(entries))) throw new Error('the log was not stored');
  }
}

/** Rows like that of the job, under ids of their own. */
async function makeManyRows(id: string): Promise<void> {
  await sql`
    insert into job_summary
    select (jsonb_populate_record(job, jsonb_build_object(
      'job_id', overlay(job.job_id::text placing lpad(to_hex(nr), 12, '0') from 25)))).*
    from job_summary as job cross join generate_series(1, ${JOBS}::int) as nr
    where job.job_id = ${id}`.execute(db);
}

async function report(what: string): Promise<void> {
  const slowest = await page.evaluate<number>('window.slowest');
  await page.evaluate('window.slowest = 0');
  console.log(`${what}: longest interaction ${Math.round(slowest)} ms, heap ${await heapOf(devtools)} MB`);
}

async function heapOf(session: CDPSession): Promise<string> {
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize } = (await session.send('Runtime.getHeapUsage')) as { usedSize: number };
  return (usedSize / 1_048_576).toFixed(1);
}
