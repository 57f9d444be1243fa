import { type Bus, openBus } from '@errand/bus';
import { connectionOf } from '@errand/bus/testing';
import { DEFAULT_TOPOLOGY, TenantDeletion, VerifyReport } from '@errand/contracts';
import { openDatabase } from '@errand/postgres';
import {
  createTestDatabase,
  type Receiver,
  startReceiver,
  startTestNats,
  verifyLog,
  waitUntil,
} from '@errand/testkit';
import { checkAudit } from 'errand';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Caller, createCaller, SMALL_DESIGN } from './caller.ts';
import { type System, startSystem } from './system.ts';

/* A tenant is deleted with all that there is of it, while its jobs run and the process that deletes it is killed. */

const GONE = 'gone-co';
const NEEDLE = 'a word of the tenant alone';
const RUN = `/v2/tenants/${GONE}/designs/e2e/performance_simulation/run`;
const resources = new AsyncDisposableStack();
let databaseUrl: string;
let system: System;
let bus: Bus;
let receiver: Receiver;
let gone: Caller;
let neighbour: Caller;

beforeAll(async () => {
  const natsUrl = resources.use(await startTestNats()).url;
  databaseUrl = resources.use(await createTestDatabase()).url;
  const settings = { ERRAND_TENANT_DELETION_GRACE_MS: '8000', ERRAND_INLINE_PAYLOAD_BYTES: '0' };
  system = resources.use(await startSystem({ natsUrl, databaseUrl }, settings));
  bus = resources.use(await openBus({ servers: natsUrl, name: 'test', topology: DEFAULT_TOPOLOGY }));
  receiver = resources.use(await startReceiver());
  gone = resources.use(await createCaller(system, GONE));
  neighbour = resources.use(await createCaller(system, 'neighbour'));
});
afterAll(() => resources.disposeAsync());

const admin = (method: string, path: string, body?: object) =>
  fetch(system.url + path, {
    method,
    headers: { authorization: `Bearer ${system.adminKey}`, 'content-type': 'application/json' },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });

async function deletion(): Promise<TenantDeletion | undefined> {
  const answer = await admin('GET', `/admin/tenants/${GONE}/deletion`);
  return answer.ok ? TenantDeletion.parse(await answer.json()) : undefined;
}

async function exported(query = ''): Promise<string[]> {
  return (await (await admin('GET', `/admin/audit${query}`)).text()).trimEnd().split('\n');
}

interface StreamInfo {
  readonly config: { readonly name: string };
  readonly state: { readonly first_seq: number; readonly last_seq: number };
}

interface StoredMessage {
  readonly subject: string;
  /** In base64, as is `data`. */
  readonly hdrs?: string;
  readonly data?: string;
}

/** Whatever the streams hold with any of these words in it: in a subject, a header or a body. */
async function inStreams(words: readonly string[]): Promise<string[]> {
  const ask = async <T>(api: string, body: object = {}) =>
    (
      await connectionOf(bus).request(`$JS.API.STREAM.${api}`, JSON.stringify(body), { timeout: 5_000 })
    ).json<T>();
  const { streams } = await ask<{ streams: StreamInfo[] }>('LIST');
  const found: string[] = [];
  for (const { config, state } of streams) {
    for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq++) {
      const { message } = await ask<{ message?: StoredMessage }>(`MSG.GET.${config.name}`, { seq });
      if (!message) continue;
      const [header, body] = [message.hdrs, message.data].map((part = '') =>
        Buffer.from(part, 'base64').toString(),
      );
      const text = `${message.subject} ${header} ${body}`;
      if (words.some((word) => text.includes(word))) found.push(`${config.name} ${message.subject}`);
    }
  }
  return found;
}

/** Whatever the tables hold with any of these words in it. */
async function inTables(words: readonly string[]): Promise<string[]> {
  const db = openDatabase({ url: databaseUrl, name: 'test', poolSize: 1 });
  try {
    const tables = await sql<{ name: string }>`
      select relname as name from pg_class join pg_namespace n on n.oid = relnamespace
      where relkind = 'r' and nspname = 'public'`.execute(db);
    const found: string[] = [];
    for (const { name } of tables.rows) {
      const rows = await sql<{ row: string }>`select t::text as row from ${sql.table(name)} t`.execute(db);
      if (rows.rows.some(({ row }) => words.some((word) => row.includes(word)))) found.push(name);
    }
    return found;
  } finally {
    await db.destroy();
  }
}

async function waitForEnd(caller: Caller, jobId: string): Promise<void> {
  await waitUntil(async () => (await caller.status(jobId)).status === 'succeeded', { timeoutMs: 30_000 });
}

test('a deleted tenant leaves one record, whatever it had and whoever is killed', {
  timeout: 180_000,
}, async () => {
  await admin('PUT', `/admin/tenants/${GONE}`, { limits: { max_running: 1 } });
  await gone.createWebhook({ url: `${receiver.url}/hook`, description: NEEDLE });
  const run = async (options: object = {}) => {
    const body = { ...SMALL_DESIGN, _job: { metadata: { note: NEEDLE }, ...options } };
    return (await gone.call('POST', RUN, body)).body as { job_id: string };
  };
  const ended = await run({ webhook: { url: `${receiver.url}/own` } });
  await waitForEnd(gone, ended.job_id);
  await waitUntil(() => receiver.requests.length >= 2, { timeoutMs: 20_000 });
  await run({ start_after: new Date(Date.now() + 3_600_000).toISOString() });
  await Promise.all(Array.from({ length: 30 }, () => run()));
  const filter = { status: ['expired'], metadata: { note: NEEDLE } };
  const bulk = { action: 'retry', filter };
  expect((await gone.call('POST', `/v2/tenants/${GONE}/bulk-actions`, bulk)).status).toBe(202);
  const draft = {
    action: 'performance_simulation',
    resource: { design_id: 'd-1' },
    input: SMALL_DESIGN,
    every_s: 10,
    description: NEEDLE,
  };
  expect(await gone.call('POST', `/v2/tenants/${GONE}/schedules`, draft)).toMatchObject({ status: 201 });
  await waitUntil(
    async () => {
      const { body } = await gone.call('GET', `/v2/tenants/${GONE}/schedules`);
      return (
        (body as { schedules: { counts: { requested: number } }[] }).schedules[0]?.counts.requested === 1
      );
    },
    { timeoutMs: 20_000 },
  );
  // An event that nobody can read is parked with its body.
  connectionOf(bus).publish(`jobs.${GONE}.performance_simulation.${ended.job_id}.progressed`, NEEDLE);
  await waitUntil(async () => (await bus.deadLetters.list({ afterId: 0, limit: 10 })).length > 0, {
    timeoutMs: 20_000,
  });
  const own = (await neighbour.run())?.job_id ?? '';
  await waitForEnd(neighbour, own);
  const words = [GONE, NEEDLE, Buffer.from(`${GONE}/`).toString('base64').slice(0, 9)];
  expect((await inStreams(words)).length).toBeGreaterThan(50);
  expect((await inTables(words)).length).toBeGreaterThan(3);

  const asked = await admin('DELETE', `/admin/tenants/${GONE}`);
  expect(asked.status).toBe(202);
  await waitUntil(async () => (await gone.call('POST', RUN, SMALL_DESIGN)).status === 401);
  await waitUntil(async () => (await deletion())?.step === 'removing', { timeoutMs: 30_000, intervalMs: 10 });
  await system.kill('projection');
  expect((await admin('PUT', `/admin/tenants/${GONE}`)).status).toBe(409);
  await waitUntil(async () => (await deletion())?.step === 'deleted', { timeoutMs: 60_000 });

  expect(await inTables(words)).toEqual([]);
  expect(await inStreams(words)).toEqual([`CONFIG config.tenant.${GONE}`]);
  const [, record, ...rest] = await exported(`?tenant=${GONE}`);
  expect(rest.length).toBe(1);
  expect(JSON.parse(record ?? '').event.data).toMatchObject({ change: 'deleted', actor: 'admin' });
  expect((await deletion())?.deleted_at).toBe(JSON.parse(record ?? '').filed_at);
});

test('its neighbours are as before, and the name is free', { timeout: 120_000 }, async () => {
  await system.ready();
  const lines = await exported('?tenant=neighbour');
  expect(await checkAudit(lines)).toMatchObject({ kind: 'holds' });
  expect(lines.length).toBeGreaterThan(5);
  const next = (await neighbour.run())?.job_id ?? '';
  await waitForEnd(neighbour, next);
  const verified = await waitUntil(
    async () => {
      const report = VerifyReport.parse(await verifyLog(system));
      return report.findings.length === 0 ? report : undefined;
    },
    { timeoutMs: 60_000 },
  );
  expect(verified.findings).toEqual([]);
  await using again = await createCaller(system, GONE);
  await waitForEnd(again, (await again.run())?.job_id ?? '');
});
