import { type JobRef, jobSubjects, type VerifyReport } from '@errand/contracts';
import {
  rawNatsRequest,
  startTestPostgres,
  startTestSite,
  type TestPostgres,
  type TestSite,
  waitUntil,
} from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Drill, expectSuccess, LARGE, startDrill, TENANT } from './drill.ts';
import { runErrand } from './errand-command.ts';
import { startSystem } from './system.ts';

/*
 * A drill: the NATS of a site is lost, and its standby is promoted, beside a Postgres that is kept. What the mirrors had goes
 * on; what they had not yet is lost, and found to be.
 */

const CALLERS = 4;
const LOST = 5;
/** `wrong last sequence`, with and without the number. */
const CONFLICTS = [10071, 10164];

const resources = new AsyncDisposableStack();
let drill: Drill;
let postgres: TestPostgres;
let east: TestSite;
let west: TestSite;

beforeAll(async () => {
  drill = resources.use(await startDrill());
  postgres = resources.use(await startTestPostgres());
  east = resources.use(await startTestSite('east'));
  west = resources.use(await startTestSite('west', { standbyOf: east }));
});
afterAll(() => resources.disposeAsync());

const start = (site: TestSite) =>
  startSystem({ natsUrl: site.url, databaseUrl: postgres.url }, drill.settings);

const errandAt = ({ url }: TestSite, ...args: string[]) => runErrand({ NATS_URL: url }, args);

async function lastOf({ url }: TestSite, stream: string): Promise<number> {
  const { state } = await rawNatsRequest(url, `$JS.API.STREAM.INFO.${stream}`);
  return (state as { last_seq: number }).last_seq;
}

/** Waits until a standby has what its site has at this moment. */
async function untilMirrored(site: TestSite, standby: TestSite): Promise<void> {
  for (const stream of ['JOBS', 'AUDIT', 'OBJ_payloads', 'KV_tenants', 'KV_api_keys', 'CONFIG']) {
    const wanted = await lastOf(site, stream);
    await waitUntil(async () => (await lastOf(standby, stream)) >= wanted, { timeoutMs: 30_000 });
  }
}

/** An event of a job by somebody who knows this version of it. */
async function writeLate({ url }: TestSite, ref: JobRef, version: number): Promise<unknown> {
  const { error } = await rawNatsRequest(url, jobSubjects(ref).replace('>', 'succeeded'), '{}', {
    'Nats-Expected-Last-Subject-Sequence': String(version),
    'Nats-Expected-Last-Subject-Sequence-Subject': jobSubjects(ref),
  });
  return (error as { err_code?: number } | undefined)?.err_code;
}

test('every job that the mirrors had ends once after the loss of a site, and is told', {
  timeout: 180_000,
}, async () => {
  const { receiver } = drill;
  let running: { ref: JobRef; version: number };
  {
    await using system = await start(east);
    await expectSuccess(errandAt(west, 'mirror', 'east'));
    const caller = await drill.fill(system);
    const [job] = (await caller.listed()).filter(({ status }) => status === 'running');
    if (!job) throw new Error('no job runs');
    const ref = { tenantId: TENANT, action: job.action, jobId: job.job_id };
    running = { ref, version: (await caller.job(ref.jobId))?.version ?? 0 };
    // The site is lost while jobs come and end. Those may be in the mirrors or not.
    const loaded = new AbortController();
    let more = 0;
    const load = Array.from({ length: CALLERS }, async () => {
      while (!loaded.signal.aborted) {
        const jobId = await caller.run('quick', { text: LARGE }).catch(() => undefined);
        if (jobId) more++;
      }
    });
    await waitUntil(() => more > 20);
    await untilMirrored(east, west);
    const { stdout } = await expectSuccess(errandAt(west, 'mirror', 'east', '--json'));
    expect(JSON.parse(stdout).mirrors.length).toBeGreaterThan(10);
    await east.kill();
    loaded.abort();
    await Promise.all(load);
  }
  receiver.requests.length = 0;
  receiver.respond = 200;

  const { stdout } = await expectSuccess(errandAt(west, 'promote'));
  expect(stdout).toBe('promoted the standby of east\n');
  expect(CONFLICTS).toContain(await writeLate(west, running.ref, running.version));
  await using system = await start(west);
  await expectSuccess(drill.errand(system, 'projection', 'rebuild', '--wait'));
  await drill.letEnd();
  await drill.expectAllEnd(system);
  await drill.expectVerified(system);
  expect(CONFLICTS).toContain(await writeLate(west, running.ref, running.version));
});

test('what a standby lacks is lost: verify finds it beside a Postgres that has it, and a rebuild removes it', {
  timeout: 180_000,
}, async () => {
  const { receiver } = drill;
  await using north = await startTestSite('north', { standbyOf: west });
  const lost: { jobId: string; version: number }[] = [];
  let again = '';
  {
    await using system = await start(west);
    const caller = drill.callerOf(system);
    await expectSuccess(errandAt(north, 'mirror', 'west'));
    await drill.letWait();
    again = (await caller.run('long')) ?? '';
    await untilMirrored(west, north);
    using _cut = west.cut();
    await drill.letEnd();
    for (let count = 0; count < LOST; count++) {
      const jobId = (await caller.run('quick')) ?? '';
      const isOver = async () => (await caller.job(jobId))?.status === 'succeeded';
      await waitUntil(isOver, { timeoutMs: 30_000 });
      lost.push({ jobId, version: (await caller.job(jobId))?.version ?? 0 });
    }
    const toldOf = () => receiver.requests.map(({ body }) => JSON.parse(body).data.job_id);
    const ends = [...lost.map(({ jobId }) => jobId), again];
    await waitUntil(() => ends.every((jobId) => toldOf().includes(jobId)), { timeoutMs: 30_000 });
    await west.kill();
  }
  // The position of the readers in Postgres is beyond the end of what the standby has.
  expect(lost[0]?.version).toBeGreaterThan(await lastOf(north, 'JOBS'));
  receiver.requests.length = 0;

  await expectSuccess(errandAt(north, 'promote'));
  await using system = await start(north);
  const caller = drill.callerOf(system);
  const before = await drill.errand(system, 'verify', '--json');
  expect(before.code).toBe(1);
  const found = (JSON.parse(before.stdout) as VerifyReport).findings;
  expect(found.flatMap(({ samples }) => samples.map(({ id }) => id))).toEqual(
    expect.arrayContaining(lost.map(({ jobId }) => jobId)),
  );
  await expectSuccess(drill.errand(system, 'projection', 'rebuild', '--wait'));
  drill.accepted.push(again);
  // The one whose ending is lost runs once more, and is told once more.
  await waitUntil(() => receiver.requests.some(({ body }) => JSON.parse(body).data.job_id === again), {
    timeoutMs: 30_000,
  });
  const fresh = await waitUntil(() => caller.run('quick'), { timeoutMs: 30_000 });
  await waitUntil(async () => (await caller.job(fresh))?.status === 'succeeded', { timeoutMs: 30_000 });
  const newest = (await caller.job(fresh))?.version;
  for (const { jobId, version } of lost) {
    expect(await caller.job(jobId)).toBeUndefined();
    expect(newest).toBeGreaterThan(version);
  }
  await drill.expectVerified(system);
});
