import type { RunAccepted } from '@errand/contracts';
import { waitUntil } from '@errand/testkit';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { progressed, RUN_PATH, STARTED, SUCCEEDED, startTestGateway, type TestGateway } from './gateway.ts';
import { forget, forgetAudit } from './read-model.ts';

const DAY_MS = 86_400_000;

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway({ historyMaxEntries: 1_000 });
});
afterEach(() => {
  gateway.shiftMs = 0;
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

interface History {
  readonly job: RunAccepted;
  /** Of its events, in order. */
  readonly versions: number[];
  readonly types: string[];
}

/** A job that has ended, with progress on its way. */
async function runJob(steps = 5): Promise<History> {
  const job: RunAccepted = (await gateway.call(RUN_PATH, { body: { tilt_deg: 1 } })).json;
  const facts = [STARTED, ...Array.from({ length: steps }, (_, step) => progressed(step % 100)), SUCCEEDED];
  const versions = [job.version];
  for (const fact of facts) {
    const version = await gateway.append(job.job_id, versions.at(-1) ?? 0, fact);
    if (version === undefined) throw new Error('lost a race that nobody else runs');
    versions.push(version);
  }
  await waitUntil(async () => (await gateway.bus.audit.version()) >= (versions.at(-1) ?? 0));
  return { job, versions, types: ['JobRequested', ...facts.map(({ type }) => type)] };
}

/** A job that JOBS holds no more, days later. */
async function runOldJob(steps?: number): Promise<History> {
  const history = await runJob(steps);
  await forget(gateway, history.job.job_id);
  gateway.shiftMs = 8 * DAY_MS;
  return history;
}

interface Page {
  readonly events: { version: number; type: string }[];
  readonly next_after: number | null;
}

const seen = (json: Page) => ({
  versions: json.events.map(({ version }) => version),
  types: json.events.map(({ type }) => type),
});

test.each([
  ['in the hot log', runJob],
  ['older than the hot log and its summary', runOldJob],
])('the history of a job %s is all of its events, and comes in pages', async (_, run) => {
  const { job, versions, types } = await run(5);
  await runJob();
  const { json, text } = await gateway.call(job.links.events);
  expect(seen(json)).toEqual({ versions, types });
  expect(json).toMatchObject({ version: versions.at(-1), next_after: null });
  expect(text).not.toContain('tilt_deg');
  const collected: number[] = [];
  for (let after: number | null = 0; after !== null; ) {
    const page: Page = (await gateway.call(`${job.links.events}?after=${after}&limit=3`)).json;
    expect(page.events.length).toBeLessThanOrEqual(3);
    collected.push(...seen(page).versions);
    after = page.next_after;
  }
  expect(collected).toEqual(versions);
});

test.each([
  ['in the hot log', runJob],
  ['of long ago', runOldJob],
])('a stream of a long history %s tells all of it and ends', async (_, run) => {
  const { job, versions } = await run(1_200);
  const headers = { accept: 'text/event-stream' };
  const { text } = await gateway.call(job.links.events, { headers });
  const ids = [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
  expect(ids).toEqual(versions);
  const seenAll = { ...headers, 'last-event-id': String(versions.at(-1)) };
  expect((await gateway.call(job.links.events, { headers: seenAll })).status).toBe(204);
});

test.each([
  ['in the hot log', runJob],
  ['of long ago', runOldJob],
])('the summary of a job %s as of a version is the one of that moment', async (_, run) => {
  const { job, versions, types } = await run(3);
  const asOf = async (version: number | string) =>
    (await gateway.call(`${job.links.job}?as_of=${encodeURIComponent(version)}`)).json;
  for (const [index, version] of versions.entries()) {
    const type = types[index];
    const status = type === 'JobRequested' ? 'queued' : type === 'JobSucceeded' ? 'succeeded' : 'running';
    expect(await asOf(version)).toMatchObject({ job_id: job.job_id, version, status });
  }
  expect(await asOf((versions[3] ?? 0) + 0)).toMatchObject({ progress: { percent: 1 } });
  expect(await asOf(999_999_999_999_999)).toMatchObject({ version: versions.at(-1), results: { kwh: 7 } });
  if (job.version > 1) expect(await asOf(job.version - 1)).toMatchObject({ status: 404 });
  const { created_at, finished_at } = await asOf(999_999_999_999_999);
  expect(await asOf(finished_at)).toMatchObject({ status: 'succeeded' });
  expect(await asOf(new Date(Date.parse(created_at) - 1).toISOString())).toMatchObject({ status: 404 });
});

test('nonsense in as_of, and a wait beside it, are 422', async () => {
  const { job } = await runJob();
  for (const query of [
    'as_of=',
    'as_of=yesterday',
    'as_of=0',
    'as_of=2999-01-01T00:00:00Z',
    'as_of=5&wait=3',
  ]) {
    const { status, json } = await gateway.call(`${job.links.job}?${query}`);
    expect([query, status, json.code]).toEqual([query, 422, 'invalid_input']);
  }
});

test('another tenant and an id that never was are 404, however old', async () => {
  const { job } = await runOldJob();
  const other = await gateway.createKey('other', 'k');
  const path = job.links.events.replace('/acme/', '/other/');
  expect((await gateway.call(path, { token: other.api_key })).status).toBe(404);
  const unknown = job.links.events.replace(/.{4}\/events/, '0000/events');
  expect((await gateway.call(unknown)).json.code).toBe('unknown_job');
});

test('410 for a job that is older than the audit log', async () => {
  const { job } = await runOldJob();
  gateway.shiftMs = 91 * DAY_MS;
  expect((await gateway.call(job.links.events)).json.code).toBe('events_gone');
  expect((await gateway.call(`${job.links.job}?as_of=5`)).status).toBe(410);
});

test('503 with its reason where too much lies between, and never a false 404', async () => {
  const { job } = await runOldJob(6_000);
  const unknown = job.links.events.replace(/.{4}\/events/, '0000/events');
  const { status, json } = await gateway.call(unknown);
  expect([status, json.code]).toEqual([503, 'history_out_of_reach']);
  await forgetAudit(gateway);
  expect((await gateway.call(unknown)).json.code).toBe('unknown_job');
});
