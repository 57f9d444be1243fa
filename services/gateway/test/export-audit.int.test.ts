import { connectionOf } from '@errand/bus/testing';
import { JOBS_STREAM } from '@errand/contracts';
import { waitUntil } from '@errand/testkit';
import { checkAudit } from 'errand';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  ADMIN_KEY,
  progressed,
  RUN_PATH,
  STARTED,
  SUCCEEDED,
  startTestGateway,
  type TestGateway,
} from './gateway.ts';

const UNKNOWN_ID = '019c2f3e-0000-7000-8000-000000000000';
let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

async function runJob(steps = 0): Promise<void> {
  const { job_id, version } = (await gateway.call(RUN_PATH, { body: { tilt_deg: 1, name: 'zoë\u2028' } }))
    .json;
  const facts = [STARTED, ...Array.from({ length: steps }, (_, step) => progressed(step % 100)), SUCCEEDED];
  let newest: number | undefined = version;
  for (const fact of facts) newest = await gateway.append(job_id, newest ?? 0, fact);
  await waitUntil(async () => (await gateway.bus.audit.version()) >= (newest ?? 0));
}

async function exportAudit(query = '') {
  const { status, text, headers } = await gateway.call(`/admin/audit?${query}`, { token: ADMIN_KEY });
  expect([status, headers.get('content-type')]).toEqual([200, 'application/x-ndjson']);
  const lines = text.trimEnd().split('\n');
  const entries = lines.slice(1, -1).map((line) => JSON.parse(line));
  const [changes, events] = [true, false].map((isChange) =>
    entries.filter((entry) => 'config_position' in entry === isChange),
  );
  return { lines, events: events ?? [], changes: changes ?? [] };
}

test('an export holds every event as stored, in order, and stands up to its check', async () => {
  await runJob(1_300);
  await runJob();
  const { lines, events, changes } = await exportAudit();
  const check = await checkAudit(lines);
  expect(check).toMatchObject({ kind: 'holds', count: events.length + changes.length, isContiguous: true });
  const { firstVersion, lastVersion } = await gateway.bus.jobs.range();
  expect(events.length).toBe(lastVersion - firstVersion + 1);
  for (const { version, event } of [events[0], events.at(-1)]) {
    const stored = await connectionOf(gateway.bus).request(
      `$JS.API.STREAM.MSG.GET.${JOBS_STREAM}`,
      JSON.stringify({ seq: version }),
    );
    const { message } = stored.json<{ message: { data: string } }>();
    expect(event).toEqual(JSON.parse(Buffer.from(message.data, 'base64').toString()));
  }
  const edited = lines.map((line, index) =>
    index === 7 ? line.replace('"attempt":1', '"attempt":2') : line,
  );
  expect(await checkAudit(edited)).toMatchObject({ kind: 'broken', line: 8 });
});

test('what is asked for narrows the export, and the next one goes on from its chain', async () => {
  await runJob();
  const { events } = await exportAudit('type=JobSucceeded,JobFailed&tenant=acme&action=simulate');
  expect(new Set(events.map(({ event }) => event.type))).toEqual(new Set(['JobSucceeded']));
  expect((await exportAudit('tenant=nobody')).events).toEqual([]);
  const last = (await exportAudit()).events.at(-1);
  const before = await exportAudit(`to=${last.filed_at}`);
  expect(before.events.every(({ filed_at }) => filed_at < last.filed_at)).toBe(true);
  const first = await checkAudit(before.lines);
  const anchor = first.kind === 'holds' ? first.chain : '';
  const rest = await exportAudit(`from=${last.filed_at}&anchor=${anchor}`);
  expect(await checkAudit(rest.lines, anchor)).toMatchObject({ kind: 'holds' });
  expect(rest.events[0].position).toBe((before.events.at(-1)?.position ?? 0) + 1);
});

test('changes of configuration are exported where they were made, with who made them and without secrets', async () => {
  const admin = (path: string, options = {}) => gateway.call(path, { token: ADMIN_KEY, ...options });
  await runJob();
  await admin('/admin/tenants/watched', { method: 'PUT', body: { limits: { weight: 2 } } });
  const { key_id, api_key: token } = await gateway.createKey('watched', 'made here');
  const body = { url: 'https://hooks.example.org/', secret_headers: { 'x-key': 'very secret' } };
  const endpoint = await gateway.call('/v2/tenants/watched/webhooks', { token, body });
  await admin('/admin/tenants/watched/pause', { method: 'POST' });
  await runJob();
  const { lines, changes } = await exportAudit('tenant=watched');
  expect(changes.map(({ event: { data } }) => [data.kind, data.change, data.actor])).toEqual([
    ['tenant', 'created', 'admin'],
    ['key', 'created', 'admin'],
    ['endpoint', 'created', `key:${key_id}`],
    ['tenant', 'updated', 'admin'],
  ]);
  expect(lines.join()).not.toMatch(/very secret|made here/);
  for (const secret of [token, endpoint.json.signing_secret]) expect(lines.join()).not.toContain(secret);
  const all = await exportAudit();
  expect(await checkAudit(all.lines)).toMatchObject({ kind: 'holds', isContiguous: true });
  const at = all.lines.findIndex((line) => line.includes('"watched"'));
  const edited = all.lines.with(at, all.lines[at]?.replace('"admin"', '"nobody"') ?? '');
  expect(await checkAudit(edited)).toMatchObject({ kind: 'broken', line: at + 1 });
  expect(await checkAudit(all.lines.toSpliced(at, 1))).toMatchObject({ kind: 'broken', line: at + 1 });
  expect((await exportAudit('type=ConfigChanged')).events).toEqual([]);
  expect((await exportAudit('type=JobSucceeded')).changes).toEqual([]);
});

test('pages have the same entries as an export, in its order, each once', async () => {
  const from = new Date().toISOString();
  for (let each = 0; each < 3; each++) {
    await runJob();
    const path = '/admin/tenants/acme';
    const limits = { max_running: each + 1 };
    await gateway.call(path, { token: ADMIN_KEY, method: 'PUT', body: { limits } });
  }
  const to = new Date().toISOString();
  for (const query of ['', '&tenant=acme', '&type=ConfigChanged', '&type=JobSucceeded,ConfigChanged']) {
    const { events, changes } = await exportAudit(`from=${from}&to=${to}${query}`);
    const told: { position?: number; config_position?: number; filed_at: string }[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const rest: string = cursor === '' ? '' : `&cursor=${cursor}`;
      const path = `/admin/audit/entries?limit=2&from=${from}&to=${to}${query}${rest}`;
      const { status, json } = await gateway.call(path, { token: ADMIN_KEY });
      expect([status, json.entries.length > 0]).toEqual([200, true]);
      told.push(...json.entries);
      cursor = json.next_cursor;
    }
    expect(told.flatMap(({ position }) => position ?? [])).toEqual(events.map(({ position }) => position));
    expect(told.flatMap((entry) => entry.config_position ?? []).length).toBe(changes.length);
    expect(told.map(({ filed_at }) => filed_at)).toEqual(told.map(({ filed_at }) => filed_at).toSorted());
  }
});

test('a wrong question for a page names each wrong parameter', async () => {
  const path = '/admin/audit/entries?from=x&limit=501&cursor=1.2&anchor=1';
  const { status, json } = await gateway.call(path, { token: ADMIN_KEY });
  expect([status, json.errors.map((error: { parameter: string }) => error.parameter)]).toEqual([
    422,
    ['from', 'limit', 'cursor', 'anchor'],
  ]);
});

test('a caller that goes away ends the reading of the log', async () => {
  await runJob();
  const leaving = new AbortController();
  const headers = { authorization: `Bearer ${ADMIN_KEY}` };
  const response = await fetch(`${gateway.url}/admin/audit`, { headers, signal: leaving.signal });
  await response.body?.getReader().read();
  leaving.abort();
  const consumers = async () =>
    (await connectionOf(gateway.bus).request('$JS.API.STREAM.INFO.AUDIT')).json<{
      state: { consumer_count: number };
    }>().state.consumer_count;
  await expect.poll(consumers).toBe(0);
});

test('a wrong question is 422 with every wrong part, and only the admin may ask', async () => {
  const path = '/admin/audit?from=x&to=2026&tenant=a.b&action=A&type=JobGone&anchor=1&limit=3';
  const { status, json } = await gateway.call(path, { token: ADMIN_KEY });
  expect([status, json.errors.map((error: { parameter: string }) => error.parameter)]).toEqual([
    422,
    ['from', 'to', 'tenant', 'action', 'type', 'anchor', 'limit'],
  ]);
  expect((await gateway.call('/admin/audit')).status).toBe(401);
  expect((await gateway.call('/admin/verifications')).status).toBe(401);
});

test('verifications are 503 where no projection runs', async () => {
  for (const [method, path] of [
    ['GET', ''],
    ['POST', ''],
    ['GET', `/${UNKNOWN_ID}`],
    ['POST', `/${UNKNOWN_ID}/cancel`],
  ] as const) {
    const call = gateway.call(`/admin/verifications${path}`, { token: ADMIN_KEY, method });
    const { status, json } = await call;
    expect([status, json.code]).toEqual([503, 'log_unavailable']);
  }
});

test.each(['+02:00', '%2B02:00'])('times of operators may have the offset %s', async (offset) => {
  const from = `2026-01-01T00:00:00${offset}`;
  const exported = await gateway.call(`/admin/audit?from=${from}&to=${from}`, { token: ADMIN_KEY });
  expect([exported.status, exported.text]).toEqual([
    200,
    expect.stringContaining('"from":"2025-12-31T22:00:00.000Z"'),
  ]);
});
