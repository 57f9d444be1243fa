import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AuditExportLine, type InputError, JobEvent, VerifyReport } from '@errand/contracts';
import {
  createTestDatabase,
  type Receiver,
  startReceiver,
  startTestNats,
  verifyLog,
  waitUntil,
} from '@errand/testkit';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type System, startSystem } from './system.ts';

/*
 * Everything that JSON can express goes through a run, an action and a wrapped endpoint. It comes back unchanged
 * wherever jobs are reported, or it is refused with an answer that says where it is wrong.
 */

const RUNS = 250;
const TENANT = 'values';
const resources = new AsyncDisposableStack();
let system: System;
let receiver: Receiver;
let endpoint: Receiver;
let apiKey: string;

const ACTION = `import { defineAction, z } from '@errand/actions';
export const echo = defineAction({
  name: 'echo', resource: 'things/{thing}', input: z.looseObject({}), result: z.any(),
  run: ({ input }) => input.value,
});
`;

beforeAll(async () => {
  // Inside the repository, where action files can resolve their imports.
  const ignored = join(import.meta.dirname, '..', '..', '.errand');
  await mkdir(ignored, { recursive: true });
  const folder = await mkdtemp(join(ignored, 'values-'));
  resources.defer(() => rm(folder, { recursive: true, force: true }));
  endpoint = resources.use(
    await startReceiver({
      respond: ({ body }) => ({ status: 200, body, headers: { 'content-type': 'application/json' } }),
    }),
  );
  await writeFile(join(folder, 'echo.ts'), ACTION);
  await writeFile(
    join(folder, 'actions.yaml'),
    `actions:\n  wrapped:\n    resource: things/{thing}\n    input: { type: object }\n    http: { url: '${endpoint.url}', body: /input/value }\n`,
  );
  const nats = resources.use(await startTestNats());
  const database = resources.use(await createTestDatabase());
  system = resources.use(
    await startSystem(
      { natsUrl: nats.url, databaseUrl: database.url },
      { ERRAND_ACTIONS: folder, ERRAND_VERIFY_GRACE_MS: '0' },
    ),
  );
  receiver = resources.use(await startReceiver());
  await call('PUT', `/admin/tenants/${TENANT}`);
  apiKey = (
    await json<{ api_key: string }>(
      await call('POST', `/admin/tenants/${TENANT}/keys`, '{"name":"värde 🔑"}'),
    )
  ).api_key;
  await call('POST', `/v2/tenants/${TENANT}/webhooks`, JSON.stringify({ url: receiver.url }));
});
afterAll(() => resources.disposeAsync());

function call(method: string, path: string, body?: string): Promise<Response> {
  const key = path.startsWith('/admin') ? system.adminKey : apiKey;
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  return fetch(system.url + path, { method, headers, ...(body === undefined ? {} : { body }) });
}

async function json<T>(response: Response): Promise<T> {
  return (await response.json()) as T;
}

const oddTexts = fc.constantFrom(
  '\u0000',
  '\ufeff',
  '😀',
  '\u2028',
  '__proto__',
  'constructor',
  'toString',
  '\\u0000',
  "'); drop table",
  '\t\r\n\u007f',
  '<script>',
);
const text = fc.oneof(oddTexts, fc.string({ unit: 'binary', maxLength: 20 }));
/** What only JSON text can express. */
const oddJson = fc.constantFrom(
  '"\\ud800"',
  '["\\udc00x"]',
  '{"\\ud800":1}',
  '{"__proto__":{"a":1}}',
  '1970670598291982290',
  '[{"id":9007199254740993}]',
  '1e400',
  '-1e-400',
  '0.1000000000000000055511151231257827',
  '0.10000000000000001',
  '9007199254740991',
  '1E+2',
  '-0',
  `${'['.repeat(190)}${']'.repeat(190)}`,
  `${'['.repeat(198)}${']'.repeat(198)}`,
  `${'['.repeat(199)}${']'.repeat(199)}`,
  `${'['.repeat(200)}${']'.repeat(200)}`,
  `${'{"a":'.repeat(300)}1${'}'.repeat(300)}`,
  `${'['.repeat(5_000)}${']'.repeat(5_000)}`,
);
const value = fc.oneof(
  { weight: 3, arbitrary: fc.jsonValue({ stringUnit: 'binary' }).map((each) => JSON.stringify(each)) },
  { weight: 2, arbitrary: text.map((each) => JSON.stringify(each)) },
  { weight: 2, arbitrary: oddJson },
);
const sent = fc.record({
  action: fc.constantFrom('echo', 'wrapped'),
  thing: text,
  value,
  order: text,
  bom: fc.boolean(),
});

type Sent = typeof sent extends fc.Arbitrary<infer T> ? T : never;

interface Accepted {
  readonly jobId: string;
  readonly thing: string;
  readonly order: string;
  readonly value: unknown;
}

/** Undefined if it is refused by name. */
async function run(drawn: Sent): Promise<Accepted | undefined> {
  const { action, thing, value: valueText, order, bom } = drawn;
  const body = `${bom ? '\ufeff' : ''}{"value":${valueText},"_job":{"metadata":{"order":${JSON.stringify(order)}}}}`;
  const path = `/v2/tenants/${TENANT}/things/${encodeURIComponent(thing.toWellFormed())}/${action}/run`;
  const response = await call('POST', path, body);
  const answer = await json<{ job_id: string; code: string; errors?: InputError[] }>(response);
  if (response.status === 202)
    return { jobId: answer.job_id, thing: thing.toWellFormed(), order, value: JSON.parse(valueText) };
  // Dots and the empty string are not path segments, so there is no such resource.
  if (response.status === 404) {
    expect(['', '.', '..']).toContain(thing);
    return undefined;
  }
  expect([400, 422]).toContain(response.status);
  expect(answer.errors?.length).toBeGreaterThan(0);
  for (const { pointer, parameter } of answer.errors ?? [])
    expect(pointer ?? parameter).toMatch(/^(?:#\/value|#\/_job\/metadata|thing$)/);
  return undefined;
}

test('a value comes back as it was, or is refused by name', async () => {
  const drawn = fc.sample(sent, RUNS);
  const accepted: Accepted[] = [];
  for (let from = 0; from < drawn.length; from += 25) {
    const jobs = await Promise.all(drawn.slice(from, from + 25).map(run));
    accepted.push(...jobs.filter((job) => job !== undefined));
  }
  expect(accepted.length).toBeGreaterThan(RUNS / 4);
  expect(accepted.length).toBeLessThan(RUNS);

  for (const { jobId, thing, order, value: wanted } of accepted) {
    const job = `/v2/tenants/${TENANT}/jobs/${jobId}`;
    const summary = await json<Record<string, unknown>>(await call('GET', `${job}?wait=30`));
    expect(summary).toMatchObject({ status: 'succeeded', metadata: { order }, resource: { thing } });
    expect(JSON.stringify(summary.results)).toBe(JSON.stringify(wanted));
    const { events } = await json<{ events: { type: string; data: Record<string, unknown> }[] }>(
      await call('GET', `${job}/events`),
    );
    expect(JSON.stringify(events.at(-1)?.data.result)).toBe(JSON.stringify(wanted));
    expect(JSON.stringify(await json(await call('GET', `${job}/result`)))).toBe(JSON.stringify(wanted));
  }

  const byId = new Map(accepted.map((job) => [job.jobId, job]));
  await waitUntil(() => receiver.requests.length >= accepted.length, { timeoutMs: 60_000 });
  for (const { body } of receiver.requests) {
    const { data } = JSON.parse(body) as { data: { job_id: string; metadata: object } };
    expect(data.metadata).toEqual({ order: byId.get(data.job_id)?.order });
  }

  const listed = new Map<string, Record<string, unknown>>();
  await waitUntil(async () => {
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: { jobs: { job_id: string }[]; next_cursor: string | null } = await json(
        await call('GET', `/v2/tenants/${TENANT}/jobs?limit=100${cursor && `&cursor=${cursor}`}`),
      );
      for (const job of page.jobs) listed.set(job.job_id, { ...job });
      cursor = page.next_cursor;
    }
    return [...byId.keys()].every((id) => listed.get(id)?.status === 'succeeded');
  });
  for (const { jobId, thing, order, value: wanted } of accepted) {
    expect(listed.get(jobId)).toMatchObject({ metadata: { order }, resource: { thing } });
    expect(JSON.stringify(listed.get(jobId)?.results)).toBe(JSON.stringify(wanted));
  }
  // A filter finds the very job, whatever else is in the table.
  for (const { jobId, order } of accepted) {
    const filter = `limit=200&metadata.order=${encodeURIComponent(order)}`;
    const found = await json<{ jobs?: { job_id: string }[] }>(
      await call('GET', `/v2/tenants/${TENANT}/jobs?${filter}`),
    );
    // No parameter can contain NUL.
    if (order.includes('\0')) expect(found.jobs).toBeUndefined();
    else expect(found.jobs?.map(({ job_id }) => job_id)).toContain(jobId);
  }

  const feed = new Map<string, unknown>();
  await waitUntil(async () => {
    const page = await json<{ events: { job_id: string; metadata: unknown }[] }>(
      await call('GET', `/v2/tenants/${TENANT}/events?limit=1000`),
    );
    for (const event of page.events) feed.set(event.job_id, event.metadata);
    return feed.size === accepted.length;
  });
  for (const { jobId, order } of accepted) expect(feed.get(jobId)).toEqual({ order });

  const lines = (await (await call('GET', `/admin/audit?tenant=${TENANT}`)).text())
    .trim()
    .split('\n')
    .slice(1);
  const results = lines.flatMap((line) => {
    const read = AuditExportLine.safeParse(JSON.parse(line));
    // Changes of configuration are between them, without a position in the log of jobs.
    const isOfJob = read.success && read.data.position !== undefined;
    const event = isOfJob ? JobEvent.parse(read.data.event) : undefined;
    return event?.type === 'JobSucceeded' ? [[event.subject, event.data.result] as const] : [];
  });
  expect(results.length).toBe(accepted.length);
  for (const [jobId, result] of results)
    expect(JSON.stringify(result)).toBe(JSON.stringify(byId.get(jobId)?.value));

  const report = VerifyReport.parse(await verifyLog(system, { tenant_id: TENANT }));
  expect(report.findings).toEqual([]);
  expect(
    (await json<{ dead_letters: unknown[] }>(await call('GET', '/admin/dead-letters'))).dead_letters,
  ).toEqual([]);
});
