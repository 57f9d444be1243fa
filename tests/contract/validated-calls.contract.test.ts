import { type Receiver, startReceiver, waitUntil } from '@errand/testkit';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SMALL_DESIGN } from '../e2e/caller.ts';
import { type ContractSystem, startContractSystem } from './contract-system.ts';
import { operationsOf } from './openapi-document.ts';
import { startPrism, violationsOf } from './start-prism.ts';
import { addDocument } from './tools.ts';

const TENANT = 'validated';
const HOME = `/v2/tenants/${TENANT}`;
const SIMULATION = `${HOME}/designs/d-1/performance_simulation`;
const UNKNOWN_ID = '019c2f3e-0000-7000-8000-000000000000';

const resources = new AsyncDisposableStack();
/** Beyond every wait that is asked for. */
const agent = new Agent({ headersTimeout: 90_000 });
let running: ContractSystem;
let receiver: Receiver;

beforeAll(async () => {
  running = resources.use(await startContractSystem(TENANT));
  receiver = resources.use(await startReceiver());
});

afterAll(async () => {
  await agent.destroy();
  await resources.disposeAsync();
});

interface CallOptions {
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly token?: string;
}

/** Calls through the proxy at `url`, and collects the violations that the proxy found. */
function callsThrough(url: string) {
  const violations: string[] = [];
  const called = new Map<string, number[]>();
  async function call(line: string, options: CallOptions = {}) {
    const [method = '', path = ''] = line.split(' ');
    const isAdmin = path.startsWith('/admin');
    const { token = isAdmin ? running.system.adminKey : running.caller.apiKey, body } = options;
    const answer = await request(url + path, {
      dispatcher: agent,
      method: method as 'GET',
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
      body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
    }).catch((error: unknown) => {
      throw new Error(`no answer to ${line}`, { cause: error });
    });
    const text = await answer.body.text();
    const { statusCode: status, headers } = answer;
    called.set(line, [...(called.get(line) ?? []), status]);
    for (const violation of violationsOf(headers)) {
      violations.push(`${line} ${status}: ${JSON.stringify(violation)}`);
    }
    const isJson = /[/+]json/.test(String(headers['content-type']));
    // biome-ignore lint/suspicious/noExplicitAny: bodies of many shapes.
    return { status, headers, body: (isJson ? JSON.parse(text) : text) as any };
  }
  return { call, violations, called };
}

test('an independent validator finds nothing wrong with any answer, whether success or refusal', async () => {
  const proxy = resources.use(await startPrism(await addDocument(running.document), running.system.url));
  const { call, violations, called } = callsThrough(proxy.url);
  const jobId = await callRuns(call);
  await callJobs(call, jobId);
  await callBulkActions(call);
  await callSchedules(call);
  await callKeys(call);
  await callWebhooks(call, jobId);
  await callAdmin(call);
  for (const path of ['/healthz', '/readyz', '/metrics', '/openapi.json', '/docs', '/docs/none.js']) {
    await call(`GET ${path}`);
  }
  const statuses = Object.groupBy([...called.values()].flat(), String);
  console.log('validated calls', {
    calls: [...called.values()].flat().length,
    operations: operationsOf(JSON.parse(running.document)).length,
    statuses: Object.fromEntries(Object.entries(statuses).map(([status, all]) => [status, all?.length])),
  });
  expect(violations).toEqual([]);
});

test('the validator does find violations', async () => {
  const document = JSON.parse(running.document);
  document.components.schemas.Problem.properties.code = { type: 'integer' };
  document.components.schemas.Tenant.required.push('nobody');
  const wrong = await addDocument(JSON.stringify(document));
  const proxy = resources.use(await startPrism(wrong, running.system.url));
  const { call, violations } = callsThrough(proxy.url);
  await call(`PUT /admin/tenants/${TENANT}`);
  await call(`GET ${HOME}/jobs/${UNKNOWN_ID}`);
  expect(violations.join('\n')).toMatch(/PUT .*nobody/);
  expect(violations.join('\n')).toMatch(/GET .*integer/);
});

type Call = ReturnType<typeof callsThrough>['call'];

async function callRuns(call: Call): Promise<string> {
  const waited = await call(`POST ${SIMULATION}/run`, { body: SMALL_DESIGN, headers: { prefer: 'wait=30' } });
  expect(waited).toMatchObject({ status: 200, body: { status: 'succeeded' } });
  const keyed = {
    body: { ...SMALL_DESIGN, _job: { metadata: { a: 'b' } } },
    headers: { 'idempotency-key': 'k' },
  };
  expect((await call(`POST ${SIMULATION}/run`, keyed)).status).toBe(202);
  await call(`POST ${SIMULATION}/run`, keyed);
  await call(`POST ${SIMULATION}/run`, { ...keyed, body: SMALL_DESIGN });
  await call(`POST ${SIMULATION}/run?validate_only=true`, { body: SMALL_DESIGN });
  await call(`POST ${SIMULATION}/run?validate_only=x`, { body: SMALL_DESIGN });
  await call(`POST ${SIMULATION}/run`, { body: { ...SMALL_DESIGN, inverter: {} } });
  // Bodies that are not JSON at all are left to the random requests: Prism never forwards them.
  await call(`POST ${SIMULATION}/run`, { body: '[]' });
  await call(`POST ${SIMULATION}/run`, { body: 'x', headers: { 'content-type': 'text/plain' } });
  await call(`POST ${SIMULATION}/run`, { body: SMALL_DESIGN, token: 'wrong' });
  await call(`POST ${SIMULATION}/run`, { body: JSON.stringify({ x: 'y'.repeat(1_100_000) }) });
  await call(`POST ${SIMULATION}/run-batch`, { body: { items: [SMALL_DESIGN, {}] } });
  await call(`POST ${SIMULATION}/run-batch?validate_only=true`, { body: { items: [SMALL_DESIGN] } });
  await call(`POST ${SIMULATION}/run-batch`, { body: { items: [] } });
  const { job_id: jobId } = waited.body;
  await call(`GET ${SIMULATION}/status?job_id=${jobId}`);
  await call(`GET ${SIMULATION}/status?job_id=${jobId}`, { headers: { 'if-none-match': '*' } });
  await call(`GET ${SIMULATION}/status?job_id=${UNKNOWN_ID}`);
  await call(`GET ${SIMULATION}/status`);
  await call(`POST ${SIMULATION}/cancel?job_id=${jobId}`);
  const proposals = `${HOME}/designs/d-1/proposal_pdf_generation`;
  const proposal = {
    simulation: { job_id: jobId },
    customer: { name: 'Zoë', address_lines: ['Kraków'] },
    company: { name: 'Sonnenwerk' },
    number: '1',
    issued_on: '2026-11-23',
    price: { currency: 'EUR', tax_pct: 23, items: [{ description: 'All', unit_price: 7_300 }] },
  };
  const made = await call(`POST ${proposals}/run`, { body: proposal, headers: { prefer: 'wait=60' } });
  expect(made.body.status).toBe('succeeded');
  await call(`GET ${proposals}/status?job_id=${made.body.job_id}`);
  await call(`GET ${HOME}/jobs/${made.body.job_id}/result`);
  const late = { ...SMALL_DESIGN, _job: { start_after: new Date(Date.now() + 3_600_000).toISOString() } };
  const waiting = await call(`POST ${SIMULATION}/run`, { body: late });
  await call(`GET ${HOME}/jobs/${waiting.body.job_id}/result`);
  await call(`POST ${HOME}/jobs/${waiting.body.job_id}/retry`);
  expect((await call(`POST ${SIMULATION}/cancel?job_id=${waiting.body.job_id}`)).status).toBe(200);
  await call(`GET ${HOME}/jobs/${waiting.body.job_id}/result`);
  return jobId;
}

async function callJobs(call: Call, jobId: string): Promise<void> {
  await call(`GET ${HOME}/jobs?status=succeeded&limit=2&metadata.a=b`);
  await call(`GET ${HOME}/jobs?limit=0&unknown=1`);
  const { body } = await call(`GET ${HOME}/jobs/${jobId}`);
  await call(`GET ${HOME}/jobs/${jobId}`, { headers: { 'if-none-match': `W/"${body.version}"` } });
  await call(`GET ${HOME}/jobs/${jobId}?as_of=${body.version}`);
  await call(`GET ${HOME}/jobs/${jobId}?as_of=yesterday`);
  for (const id of [jobId, UNKNOWN_ID, 'x']) {
    for (const part of ['', '/events', '/result', '/deliveries']) await call(`GET ${HOME}/jobs/${id}${part}`);
    for (const verb of ['cancel', 'retry']) await call(`POST ${HOME}/jobs/${id}/${verb}`);
  }
  await call(`GET ${HOME}/jobs/${jobId}/events?limit=1&after=1`);
  await call(`GET ${HOME}/events?types=job.succeeded`);
  await call(`GET ${HOME}/events?after=latest`);
  await call(`GET ${HOME}/events?after=!`);
  await call(`GET ${HOME}/actions`);
  await call(`GET ${HOME}/actions/performance_simulation`);
  await call(`GET ${HOME}/actions/none`);
  await call('GET /v2/tenants/nobody/actions');
}

async function callBulkActions(call: Call): Promise<void> {
  const all = `${HOME}/bulk-actions`;
  const body = { action: 'retry', filter: { status: ['failed'], metadata: { a: 'b' } } };
  expect((await call(`POST ${all}`, { body: { ...body, dry_run: true } })).status).toBe(200);
  const started = await call(`POST ${all}`, { body });
  expect(started.status).toBe(202);
  await call(`POST ${all}`, { body: { ...body, filter: {} } });
  await call(`POST ${all}`, { body: { action: 'delete', filter: { colour: 'red' } } });
  await call(`GET ${all}?limit=1`);
  await call(`GET ${all}?limit=x`);
  for (const id of [started.body.bulk_id, UNKNOWN_ID]) {
    await call(`GET ${all}/${id}`);
    for (const verb of ['abort', 'resume']) await call(`POST ${all}/${id}/${verb}`);
  }
}

async function callSchedules(call: Call): Promise<void> {
  const all = `${HOME}/schedules`;
  const asked = { action: 'performance_simulation', resource: { design_id: 'd-1' }, input: SMALL_DESIGN };
  const draft = { ...asked, cron: '0 6 * * 1-5', time_zone: 'Europe/Berlin', external_id: 'nightly' };
  expect((await call(`POST ${all}?validate_only=true`, { body: draft })).body.ticks).toHaveLength(10);
  const made = await call(`POST ${all}`, { body: draft });
  expect(made.status).toBe(201);
  expect((await call(`POST ${all}`, { body: draft })).status).toBe(200);
  expect((await call(`POST ${all}`, { body: { ...draft, cron: '0 7 * * *' } })).status).toBe(409);
  await call(`POST ${all}`, { body: { ...draft, cron: '61 * * * *', input: {}, more: 1 } });
  await call(`GET ${all}?external_id=nightly&limit=1`);
  await call(`GET ${all}?limit=x&cursor=x`);
  const id = made.body.schedule_id;
  for (const each of [id, `sch_${'0'.repeat(32)}`]) {
    await call(`GET ${all}/${each}`);
    await call(`GET ${all}/${each}/preview`);
    await call(`PATCH ${all}/${each}`, { body: { every_s: 3_600, job: { priority: 3 } } });
    await call(`PATCH ${all}/${each}`, { body: { every_s: 0 } });
    for (const verb of ['pause', 'resume']) await call(`POST ${all}/${each}/${verb}`);
    await call(`POST ${all}/${each}/run`, { headers: { prefer: 'wait=30' } });
    await call(`DELETE ${all}/${each}`);
  }
}

async function callKeys(call: Call): Promise<void> {
  const all = `${HOME}/keys`;
  const { body } = await call(`POST ${all}`, { body: { name: 'n', scopes: ['jobs:read'] } });
  await call(`POST ${all}`, { body: { scopes: ['x'] } });
  expect((await call(`GET ${all}`)).body.keys.at(-1).key_id).toBe(body.key_id);
  const rotated = await call(`POST ${all}/${body.key_id}/rotate`, { body: { grace_s: 1 } });
  expect(rotated.status).toBe(201);
  await call(`POST ${all}/${body.key_id}/rotate`, { body: { grace_s: -1 } });
  for (const id of [rotated.body.key_id, 'x']) await call(`DELETE ${all}/${id}`);
}

async function callWebhooks(call: Call, jobId: string): Promise<void> {
  const all = `${HOME}/webhooks`;
  const draft = {
    ...{ url: `${receiver.url}/a`, metadata: { a: 'b' }, max_rps: 5, actions: ['performance_simulation'] },
    basic_auth: { username: 'u', password: 'p' },
    secret_headers: { 'x-a': 'b' },
  };
  const { endpoint_id: id } = (await call(`POST ${all}`, { body: draft })).body;
  await call(`POST ${all}`, { body: { url: 'ftp://x', more: 1 } });
  await call(`GET ${all}`);
  await call(`PATCH ${all}/${id}`, { body: { metadata: null, description: 'x' } });
  await call(`PATCH ${all}/${id}`, { body: { method: 'PUT' } });
  await call(`POST ${SIMULATION}/run`, { body: SMALL_DESIGN, headers: { prefer: 'wait=30' } });
  await receiver.waitFor(({ url }) => url === '/a');
  const listed = await waitUntil(async () => {
    const { body } = await call(`GET ${all}/${id}/deliveries?status=delivered`);
    return body.deliveries.length > 0 ? body.deliveries : undefined;
  });
  const page = await call(`GET ${HOME}/deliveries?limit=1&endpoint_id=${id}`);
  expect(page.body.deliveries).toHaveLength(1);
  await call(`GET ${HOME}/deliveries?limit=1&cursor=${page.body.next_cursor ?? ''}`);
  await call(`GET ${HOME}/deliveries?endpoint_id=!`);
  const delivery = `${HOME}/deliveries/${listed[0].delivery_id}`;
  await call(`GET ${all}/${id}/deliveries?status=none&limit=x`);
  for (const path of [delivery, `${delivery}/attempts`, `${HOME}/deliveries/x`]) await call(`GET ${path}`);
  await call(`POST ${delivery}/redeliver`);
  await call(`POST ${HOME}/deliveries/x/redeliver`);
  await call(`GET ${HOME}/jobs/${listed[0].job_id ?? jobId}/deliveries`);
  for (const verb of ['pause', 'resume', 'rotate-secret', 'test']) {
    await call(`POST ${all}/${id}/${verb}`);
    await call(`POST ${all}/none/${verb}`);
  }
  for (let time = 0; time < 3; time++) await call(`POST ${all}/${id}/rotate-secret`, { body: {} });
  await call(`GET ${all}/job`);
  await call(`POST ${all}/job/rotate-secret`);
  await call(`GET ${all}/job`);
  const replay = { since: new Date(Date.now() - 3_600_000).toISOString(), only: 'all' };
  const { replay_id: replayId } = (await call(`POST ${all}/${id}/replays`, { body: replay })).body;
  await call(`POST ${all}/${id}/replays`, { body: { ...replay, since: 'x' } });
  await call(`GET ${all}/${id}/replays`);
  for (const each of [replayId, UNKNOWN_ID]) {
    await call(`GET ${all}/${id}/replays/${each}`);
    await call(`POST ${all}/${id}/replays/${each}/cancel`);
  }
  await call(`GET ${all}/${id}`);
  await call(`DELETE ${all}/${id}`);
  await call(`GET ${all}/${id}`);
}

async function callAdmin(call: Call): Promise<void> {
  for (const line of ['PUT /admin/tenants/second', 'PUT /admin/tenants/second', 'PUT /admin/tenants/a%20b']) {
    await call(line);
  }
  const { body } = await call('POST /admin/tenants/second/keys', { body: { name: 'n' } });
  await call('POST /admin/tenants/second/keys', { body: {} });
  await call('GET /admin/tenants/second/keys');
  await call('GET /admin/tenants/none/keys');
  await call(`DELETE /admin/keys/${body.key_id}`);
  await call(`DELETE /admin/keys/${body.key_id}`);
  await call('DELETE /admin/actions/none');
  await call('GET /admin/dead-letters');
  await call('GET /admin/dead-letters?limit=x');
  await call('POST /admin/dead-letters/99/redrive');
  const rebuild = '/admin/projections/job_summary/rebuild';
  for (const line of [`GET ${rebuild}`, `POST ${rebuild}/cancel`, `POST ${rebuild}`, `GET ${rebuild}`]) {
    await call(line);
  }
  const verifications = '/admin/verifications';
  const { verification_id: verificationId } = (await call(`POST ${verifications}`)).body;
  await call(`POST ${verifications}`, { body: { since: 'x', more: 1 } });
  await call(`GET ${verifications}`);
  await call(`GET ${verifications}?more=1`);
  for (const id of [verificationId, UNKNOWN_ID, 'x']) {
    await call(`GET ${verifications}/${id}`);
    await call(`POST ${verifications}/${id}/cancel`);
    await call(`POST ${verifications}/${id}/cancel`, { body: { a: 1 } });
  }
  await call('GET /admin/audit?type=JobSucceeded');
  await call('GET /admin/audit?type=x');
  await call('GET /admin/audit/entries?limit=2');
  await call('GET /admin/audit/entries?limit=0');
  await call('GET /admin/audit', { token: 'wrong' });
}
