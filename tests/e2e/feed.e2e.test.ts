import { randomUUIDv7 } from 'node:crypto';
import { type Bus, openBus } from '@errand/bus';
import { DEFAULT_TOPOLOGY, type JobFact, type JobRef, toJobEvent } from '@errand/contracts';
import { settings as gatewaySettings, startGateway } from '@errand/gateway';
import { settings as projectionSettings, startProjection } from '@errand/projection';
import { createLogger, parseConfig } from '@errand/runtime';
import { createTestDatabase, startTestNats, waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { validated } from '../contract/validating-proxy.ts';

const ENDINGS = Number(process.env.ERRAND_FEED_ENDINGS || 10_000);
const BATCH = 500;
const ADMIN_KEY = 'an-admin-key-for-tests';
const TENANTS = ['acme', 'other'];

const resources = new AsyncDisposableStack();
let bus: Bus;
let url: string;
/** The appended endings of `acme` jobs, in the order of the log. */
const expected: { version: number; job_id: string; type: string }[] = [];

beforeAll(async () => {
  const nats = resources.use(await startTestNats());
  const database = resources.use(await createTestDatabase());
  const env = { NATS_URL: nats.url, DATABASE_URL: database.url, ERRAND_ADMIN_KEY: ADMIN_KEY };
  const context = (service: string) => ({
    log: createLogger({ service, level: 'silent' }),
    signal: new AbortController().signal,
    fail: (error: unknown) => void Promise.reject(error),
  });
  const config = parseConfig(projectionSettings, {
    ...env,
    ERRAND_OPS_PORT: '0',
    ERRAND_PROJECTION_MAX_BATCH: '20',
    ERRAND_PROJECTION_REBUILD_PAGE: '500',
  });
  for (const name of ['left', 'right']) resources.use(await startProjection(config, context(name)));
  const secret = Buffer.alloc(32, 7).toString('base64');
  const gatewayConfig = parseConfig(gatewaySettings, {
    ...env,
    ERRAND_PORT: '0',
    ERRAND_SECRET_KEY: secret,
    ERRAND_EVENTS_HEARTBEAT_MS: '200',
  });
  const gateway = resources.use(await startGateway(gatewayConfig, context('gateway')));
  url = resources.use(await validated(`http://127.0.0.1:${gateway.port}`, [])).url;
  bus = resources.use(await openBus({ servers: nats.url, name: 'e2e', topology: DEFAULT_TOPOLOGY }));
  for (const tenant of TENANTS) await admin('PUT', `/admin/tenants/${tenant}`);
});
afterAll(() => resources.disposeAsync());

const headers = { authorization: `Bearer ${ADMIN_KEY}` };
const admin = (method: string, path: string) => fetch(url + path, { method, headers });

const REQUEST = {
  action: 'add',
  action_version: '1',
  resource: {},
  input: {},
  metadata: { order: '1' },
  source: 'api' as const,
  requested_by: 'key',
  finish_by: new Date(Date.now() + 3_600_000).toISOString(),
};
const FACTS: JobFact[] = [
  { type: 'JobSucceeded', data: { attempt: 1, result: {}, duration_ms: 1 } },
  { type: 'JobFailed', data: { attempt: 1, error: { code: 'c', message: 'm' }, duration_ms: 1 } },
  { type: 'JobCanceled', data: { by: 'key' } },
];
const TYPES: Record<string, string> = {
  JobSucceeded: 'job.succeeded',
  JobFailed: 'job.failed',
  JobCanceled: 'job.canceled',
};

/** Ends that many jobs of `acme`, and some of another tenant between them. */
async function writeEndings(count: number): Promise<void> {
  for (let written = 0; written < count; written += BATCH) {
    const refs = Array.from({ length: BATCH + BATCH / 10 }, (_, index) => ({
      tenantId: index % 11 === 0 ? 'other' : 'acme',
      action: 'add',
      jobId: randomUUIDv7(),
    }));
    const requests = await append(refs, (ref) => ({
      type: 'JobRequested',
      data: { ...REQUEST, tenant_id: ref.tenantId },
    }));
    const endingOf = (_: JobRef, index: number) => FACTS[index % FACTS.length] as JobFact;
    const versions = await append(refs, endingOf, requests);
    for (const [index, { tenantId, jobId: job_id }] of refs.entries()) {
      const version = versions[index] as number;
      const type = TYPES[endingOf(refs[index] as JobRef, index).type] as string;
      if (tenantId === 'acme') expected.push({ version, job_id, type });
    }
  }
}

async function append(
  refs: JobRef[],
  factOf: (ref: JobRef, index: number) => JobFact,
  versions: number[] = [],
): Promise<number[]> {
  const outcomes = await bus.jobs.appendBatch(
    refs.map((ref, index) => {
      const about = {
        id: randomUUIDv7(),
        jobId: ref.jobId,
        source: '/errand/e2e',
        timeMs: Date.now(),
      } as const;
      return { ref, event: toJobEvent(factOf(ref, index), about), expectedVersion: versions[index] ?? 0 };
    }),
  );
  return outcomes.map((outcome) => {
    if (outcome.kind !== 'appended') throw new Error(outcome.kind);
    return outcome.version;
  });
}

type Seen = { version: number; job_id: string; type: string };
const seenOf = ({ version, job_id, type }: Seen): Seen => ({ version, job_id, type });

/** Reads pages of any size, is cut off at random, and continues after what it last got, until it has them all. */
async function readPages(seen: Seen[], until: () => boolean): Promise<void> {
  let next = '';
  for (let turn = 0; !until(); turn++) {
    const cut = AbortSignal.timeout(turn % 5 === 0 ? Math.ceil(Math.random() * 30) : 20_000);
    const limit = 1 + Math.floor(Math.random() * 300);
    const after = next === '' ? '' : `&after=${next}`;
    try {
      const path = `/v2/tenants/acme/events?limit=${limit}&wait=1${after}`;
      const answer = await fetch(url + path, { headers, signal: cut });
      const body = (await answer.json()) as { events: Seen[]; next: string };
      if (answer.status !== 200) throw new Error(JSON.stringify(body));
      seen.push(...body.events.map(seenOf));
      next = body.next;
    } catch (error) {
      if (!cut.aborted) throw error;
    }
  }
}

/** The same with server-sent events: each connection is cut off after some of them. */
async function readStreams(seen: Seen[], until: () => boolean): Promise<void> {
  let lastId = '';
  while (!until()) {
    const cut = AbortSignal.timeout(50 + Math.ceil(Math.random() * 1_500));
    try {
      const answer = await fetch(`${url}/v2/tenants/acme/events?limit=50`, {
        headers: { ...headers, accept: 'text/event-stream', ...(lastId && { 'last-event-id': lastId }) },
        signal: cut,
      });
      if (answer.status !== 200) throw new Error(await answer.text());
      let text = '';
      for await (const chunk of answer.body ?? []) {
        text += Buffer.from(chunk).toString();
        const frames = text.split('\n\n');
        text = frames.pop() ?? '';
        for (const frame of frames) {
          const field = (name: string) =>
            frame
              .split('\n')
              .find((line) => line.startsWith(`${name}: `))
              ?.slice(name.length + 2);
          const data = field('data');
          if (data !== undefined) seen.push(seenOf(JSON.parse(data)));
          lastId = field('id') ?? lastId;
        }
      }
    } catch (error) {
      if (!cut.aborted) throw error;
    }
  }
}

test('readers that are cut off at random get each ending once, in order, even across a rebuild', async () => {
  const paged: Seen[] = [];
  const streamed: Seen[] = [];
  let written = false;
  const hasAll = (seen: Seen[]) => () => written && seen.length >= expected.length;
  const reading = Promise.all([readPages(paged, hasAll(paged)), readStreams(streamed, hasAll(streamed))]);
  await writeEndings(ENDINGS / 2);
  expect((await admin('POST', '/admin/projections/job_summary/rebuild')).status).toBe(202);
  await writeEndings(ENDINGS / 2);
  await waitUntil(
    async () => {
      const answer = await admin('GET', '/admin/projections/job_summary/rebuild');
      return ((await answer.json()) as { state: string }).state === 'done';
    },
    { timeoutMs: 60_000 },
  );
  written = true;
  await reading;
  expect(paged).toEqual(expected);
  expect(streamed).toEqual(expected);
}, 300_000);

test('types narrow the feed, and latest begins after everything stored', async () => {
  const feed = async (search: string) => {
    const answer = await fetch(`${url}/v2/tenants/acme/events?${search}`, { headers });
    return (await answer.json()) as { events: Seen[]; next: string };
  };
  const failed = await feed('types=job.failed&limit=10');
  expect(failed.events.map(seenOf)).toEqual(
    expected.filter(({ type }) => type === 'job.failed').slice(0, 10),
  );
  const latest = await feed('after=latest');
  expect(latest.events).toEqual([]);
  const waiting = feed(`after=${latest.next}&wait=30`);
  const before = expected.length;
  await writeEndings(BATCH);
  const { events } = await waiting;
  expect(events.map(seenOf)).toEqual(expected.slice(before, before + events.length));
  expect(events.length).toBeGreaterThan(0);
  expect(events[0]).toMatchObject({ action: 'add', metadata: { order: '1' }, resource: {} });
});
