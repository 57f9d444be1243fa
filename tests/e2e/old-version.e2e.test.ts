import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openBus } from '@errand/bus';
import { DEFAULT_TOPOLOGY } from '@errand/contracts';
import { rawNatsRequest, waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CommandedSystem, startCommandedSystem } from './errand-command.ts';
import { reDated } from './versions/re-date.ts';

/*
 * What version 0.1.0 has written is read by today's services: its log, recorded with every type of event, and its client,
 * as it was built. The recorded times are moved to now, so that nothing is too old to be kept.
 */

const FIXTURES = join(import.meta.dirname, 'versions', '0.1.0');
const TENANT = 'local';
const GUARD = 'Nats-Expected-Last-Subject-Sequence';

interface Stored {
  readonly subject: string;
  readonly seq: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly data: string;
}

interface Summary {
  readonly job_id: string;
  readonly attempt: { readonly number: number };
  readonly [member: string]: unknown;
}

const resources = new AsyncDisposableStack();
let commanded: CommandedSystem;
let summaries: Summary[];

beforeAll(async () => {
  const [log, told] = await Promise.all(
    ['log.jsonl', 'summaries.json'].map((file) => readFile(join(FIXTURES, file), 'utf8')),
  );
  const lines = (log ?? '').trim().split('\n');
  const last = JSON.parse((JSON.parse(lines.at(-1) ?? '{}') as Stored).data) as { time: string };
  const byMs = Date.now() - 60_000 - Date.parse(last.time);
  summaries = JSON.parse(reDated(told ?? '', byMs)) as Summary[];
  const stored = lines.map((line) => JSON.parse(reDated(line, byMs)) as Stored);
  commanded = resources.use(
    await startCommandedSystem(TENANT, { prepare: (natsUrl) => writeLog(natsUrl, stored) }),
  );
});
afterAll(() => resources.disposeAsync());

/** Each event with its writer's guard: the sequence of the job's event before it, which is another one here. */
async function writeLog(natsUrl: string, stored: readonly Stored[]): Promise<void> {
  await using _bus = await openBus({ servers: natsUrl, name: 'fixture', topology: DEFAULT_TOPOLOGY });
  const sequences = new Map([['0', '0']]);
  for (const { subject, seq, headers, data } of stored) {
    const guarded = { ...headers, [GUARD]: sequences.get(headers[GUARD] ?? '') ?? '' };
    const { seq: written } = await rawNatsRequest(natsUrl, subject, data, guarded);
    sequences.set(String(seq), String(written));
  }
}

/** Without what a later version may add, what follows from the time, and what an action says that is not served here. */
async function expectSameSummaries(): Promise<void> {
  for (const told of summaries) {
    const { version, links, updated_at, expires_at, requested_by, progress, attempt, results, ...same } =
      told;
    const read = await commanded.json<Summary>('status', told.job_id);
    // A file's description had the place of a result.
    const isFile = (results as { sha256?: string } | null)?.sha256 !== undefined;
    const place = isFile ? { results: null, results_link: results } : { results };
    expect(read).toMatchObject({ ...same, ...place, attempt: { number: attempt.number } });
  }
}

test('the recorded log has every type of event that there was', async () => {
  const text = await readFile(join(FIXTURES, 'log.jsonl'), 'utf8');
  const types = text
    .trim()
    .split('\n')
    .map((line) => (JSON.parse((JSON.parse(line) as Stored).data) as { type: string }).type);
  const all = ['Requested', 'Started', 'Progressed', 'Retrying', 'Due', 'CancelRequested'];
  const endings = ['Succeeded', 'Failed', 'Canceled', 'Expired'];
  expect([...new Set(types)].sort()).toEqual([...all, ...endings].map((each) => `Job${each}`).sort());
});

test('the jobs of the log are in the table as they were, also after a rebuild', async () => {
  const count = async () => {
    const { jobs } = await commanded.json<{ jobs: Summary[] }>('jobs', '--limit', '100');
    return jobs.filter(({ finished_at }) => finished_at).length;
  };
  await waitUntil(async () => (await count()) === summaries.length, { timeoutMs: 30_000 });
  await expectSameSummaries();
  await commanded.json('projection', 'rebuild', '--wait');
  await expectSameSummaries();
});

test('the log is verified, exported, and its export holds', async () => {
  const report = await commanded.json<{ findings: Record<string, { count: number }> }>('verify');
  expect(Object.values(report.findings).map(({ count }) => count)).toEqual(
    Object.values(report.findings).map(() => 0),
  );
  const file = join(commanded.dir, 'audit.ndjson');
  expect((await commanded.errand('audit', 'export', '--out', file)).code).toBe(0);
  expect((await commanded.errand('audit', 'check', file)).code).toBe(0);
});

test('the client of 0.1.0 runs, watches, lists and cancels', async () => {
  const { createErrand } = await import(join(FIXTURES, 'client.js'));
  const { ERRAND_URL: url, ERRAND_API_KEY: apiKey } = commanded.env;
  const errand = createErrand({ url, tenant: TENANT, apiKey });
  const input = { from: '2026-01-01', to: '2026-01-05' };
  const place = { resource: { report_id: 'orders' } };
  const job = await errand.run('report_export', input, place);
  const ended = await errand.wait(job);
  expect(ended).toMatchObject({ status: 'succeeded', results: null });
  const types: string[] = [];
  for await (const event of errand.events(job)) types.push(event.type);
  expect(types.at(-1)).toBe('JobSucceeded');
  expect(await (await errand.result(job)).arrayBuffer()).toHaveProperty('byteLength', 81);
  const long = await errand.run('report_export', { from: '2026-01-01', to: '2026-12-31' }, place);
  await errand.cancel(long);
  expect(await errand.wait(long)).toMatchObject({ status: 'canceled' });
  for await (const listed of errand.jobs({ action: 'report_export', status: 'canceled' })) {
    expect(listed.job_id).toBe(long.job_id);
  }
  await expect(errand.run('report_export', { from: 1 }, place)).rejects.toMatchObject({
    code: 'invalid_input',
    status: 422,
  });
});
