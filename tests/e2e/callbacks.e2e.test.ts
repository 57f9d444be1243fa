import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Bus, openBus } from '@errand/bus';
import { DEFAULT_TOPOLOGY, type RecordedEvent } from '@errand/contracts';
import { startTestNats, startTestPostgres, type TestPostgres, verifyLog, waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAnswerCheck } from '../contract/answer-check.ts';
import { type OpenapiDocument, operationsOf } from '../contract/openapi-document.ts';
import { checkHistory } from '../faults/history-check.ts';
import { createRandom } from '../faults/random.ts';
import {
  FORMS,
  type Form,
  startVendor,
  VENDOR_SECRET,
  type Vendor,
  type VendorCall,
} from './callback-vendor.ts';
import { type Caller, createCaller } from './caller.ts';
import { isEnding } from './chain-check.ts';
import { type System, startSystem } from './system.ts';

/*
 * Jobs that wait for calls of an outside system that behaves as such systems do, while gateway and Postgres are killed:
 * each job has one ending, and each call the documented answer. The long form is ERRAND_CALLBACK_JOBS=1000 ERRAND_CALLBACK_KILLS=8.
 *
 *   ERRAND_CALLBACK_JOBS    90   jobs, of all forms of calls by turns
 *   ERRAND_CALLBACK_KILLS    2   SIGKILLs of the gateway, and as many of Postgres, while jobs wait
 *   ERRAND_CALLBACK_SEED         of delays; default: another one each time
 */
const JOBS = Number(process.env.ERRAND_CALLBACK_JOBS ?? 90);
const KILLS = Number(process.env.ERRAND_CALLBACK_KILLS ?? 2);
const SEED = Number(process.env.ERRAND_CALLBACK_SEED ?? Date.now() % 2 ** 31);
const TENANT = 'acme';
const AT_ONCE = 20;
const BETWEEN_KILLS_MS = 2_500;
/** Of a job whose time ends about when its call comes. */
const SHORT_LIFE_S = 4;
const MAX_ATTEMPTS = 20;

const actionOf = (url: string, name: string, withinS: number) => `
  ${name}:
    input: { type: object }
    result: { type: object, properties: { n: { type: integer } }, required: [n] }
    retry: { max_attempts: ${MAX_ATTEMPTS}, first_delay_s: 0.2, max_delay_s: 1 }
    http:
      url: ${url}/work
      body: { input: /input, job: /job_id, notify: '{{callback_url}}' }
      callback:
        result: /output
        failed_when: { /status: [failed] }
        verify: { header: X-Signature, hmac_sha256: '\${secret:VENDOR_SECRET}' }
        within_s: ${withinS}
`;
const actionsOf = (url: string) => `actions:${actionOf(url, 'outside', 300)}${actionOf(url, 'impatient', 2)}`;

const resources = new AsyncDisposableStack();
const random = createRandom(SEED);
let postgres: TestPostgres;
let system: System;
let caller: Caller;
let vendor: Vendor;
let bus: Bus;
beforeAll(async () => {
  console.log(`ERRAND_CALLBACK_SEED=${SEED}`);
  const nats = resources.use(await startTestNats());
  postgres = resources.use(await startTestPostgres());
  const folder = await mkdtemp(join(tmpdir(), 'errand-callbacks-'));
  resources.defer(() => rm(folder, { recursive: true, force: true }));
  vendor = resources.use(await startVendor({ random: random.next, onWithCancel: cancel }));
  const file = join(folder, 'actions.yaml');
  await writeFile(file, actionsOf(vendor.url));
  const settings = { ERRAND_ACTIONS: file, VENDOR_SECRET };
  system = resources.use(await startSystem({ natsUrl: nats.url, databaseUrl: postgres.url }, settings));
  caller = resources.use(await createCaller(system, TENANT));
  bus = resources.use(await openBus({ servers: nats.url, name: 'test', topology: DEFAULT_TOPOLOGY }));
});
afterAll(() => resources.disposeAsync());

/** Until it is answered: the gateway may be gone. */
async function insist<T>(call: () => Promise<T | undefined>): Promise<T> {
  return waitUntil(() => call().catch(() => undefined), { timeoutMs: 60_000, intervalMs: 100 });
}

async function run(n: number): Promise<{ jobId: string; form: Form }> {
  const form = FORMS[n % FORMS.length] as Form;
  const action = form === 'silent' ? 'impatient' : 'outside';
  const path = `/v2/tenants/${TENANT}/${action}/run`;
  const job = form === 'with_expiry' ? { _job: { finish_by_s: SHORT_LIFE_S } } : {};
  const input = { form, n, finish_by_ms: Date.now() + SHORT_LIFE_S * 1_000 };
  return insist(async () => {
    const { status, body } = await caller.call(
      'POST',
      path,
      { ...input, ...job },
      { 'idempotency-key': `n-${n}` },
    );
    if (status === 422) throw new Error(JSON.stringify(body));
    return status === 202 ? { jobId: (body as { job_id: string }).job_id, form } : undefined;
  });
}

async function cancel(jobId: string): Promise<void> {
  await insist(async () => {
    const { status } = await caller.call('POST', `/v2/tenants/${TENANT}/jobs/${jobId}/cancel`);
    return [200, 202, 409].includes(status) ? status : undefined;
  });
}

async function kill(): Promise<void> {
  for (let times = 0; times < KILLS; times++) {
    await pause(BETWEEN_KILLS_MS);
    await postgres.kill();
    await pause(BETWEEN_KILLS_MS / 2);
    await system.kill('gateway');
    await pause(BETWEEN_KILLS_MS / 2);
    await postgres.restart();
  }
}

/** The events of all jobs, by the audit log. */
async function histories(): Promise<Map<string, RecordedEvent[]>> {
  const events: RecordedEvent[] = [];
  for await (const { entries } of bus.audit.read({ tenantId: TENANT })) {
    for (const { decoded } of entries) if (decoded.kind === 'event') events.push(decoded.recorded);
  }
  return Map.groupBy(events, ({ ref }) => ref.jobId);
}

const endingsIn = (events: readonly RecordedEvent[]) => events.filter(({ event }) => isEnding(event.type));

/** What the call must have been answered, by the job's ending. */
function documented(call: VendorCall, ending: RecordedEvent['event'] | undefined): number[] {
  if (call.isForged) return [403, 404];
  const isByCall = ending?.source === '/errand/gateway';
  if (ending?.type === 'JobSucceeded' && isByCall && ending.data.attempt === call.attempt) {
    const isSame = (ending.data.result as { n: number }).n === call.body.output?.n;
    return [isSame ? 200 : 409];
  }
  if (ending?.type === 'JobFailed' && isByCall && ending.data.attempt === call.attempt) return [200];
  return [410];
}

/** What the document of the API does not promise of the answers. */
async function undocumented(): Promise<unknown[]> {
  const document = (await (await fetch(`${system.url}/openapi.json`)).json()) as OpenapiDocument;
  const check = createAnswerCheck(document);
  const operations = new Map(operationsOf(document).map((each) => [each.operationId, each]));
  const tell = operations.get('postCallback');
  const tellProgress = operations.get('reportCallbackProgress');
  if (!tell || !tellProgress) throw new Error('callbacks are not in the document');
  return vendor.answers.flatMap((answer) =>
    check(answer.isProgress ? tellProgress : tell, answer).map((fault) => ({ fault, answer })),
  );
}

test('each job ends once, and each call has the documented answer', {
  timeout: 180_000 + JOBS * 300 + KILLS * 20_000,
}, async () => {
  const jobs = new Map<string, Form>();
  const numbers = Array.from({ length: JOBS }, (_, n) => n).values();
  const running = Array.from({ length: AT_ONCE }, async () => {
    for (const n of numbers) {
      const { jobId, form } = await run(n);
      jobs.set(jobId, form);
    }
  });
  await Promise.all([...running, kill()]);
  const byJob = await waitUntil(
    async () => {
      const seen = await histories();
      const open = [...jobs.keys()].filter((jobId) => endingsIn(seen.get(jobId) ?? []).length === 0);
      return open.length === 0 ? seen : undefined;
    },
    { timeoutMs: 150_000, intervalMs: 1_000 },
  );
  await vendor.idle();
  await system.ready();

  const ended: Record<string, Record<string, number>> = {};
  const answers: Record<string, Record<string, number>> = {};
  const wrong: unknown[] = [];
  const count = (counts: typeof ended, group: string, name: string | number) => {
    counts[group] ??= {};
    counts[group][name] = (counts[group][name] ?? 0) + 1;
  };
  for (const [jobId, form] of jobs) {
    const events = byJob.get(jobId) ?? [];
    wrong.push(...checkHistory(events, { maxAttempts: MAX_ATTEMPTS }));
    expect(endingsIn(events)).toHaveLength(1);
    count(ended, form, endingsIn(events)[0]?.event.type ?? 'none');
  }
  for (const call of vendor.calls) {
    const form = jobs.get(call.jobId) ?? 'unknown';
    count(answers, form, call.status);
    const wanted = documented(call, endingsIn(byJob.get(call.jobId) ?? [])[0]?.event);
    if (!wanted.includes(call.status)) wrong.push({ form, wanted, call });
  }
  wrong.push(...(await undocumented()));
  const repeated = vendor.calls.flatMap(({ before }) => before);
  console.log('callbacks', {
    jobs: jobs.size,
    calls: vendor.calls.length,
    ended,
    answers,
    early_or_unavailable: repeated.filter((each) => each === 503).length,
    broken: repeated.filter((each) => each === 'broken').length,
    slowest_answer_ms: Math.round(Math.max(...vendor.calls.map(({ answeredMs }) => answeredMs))),
    restarts: system.restarts,
  });
  expect(wrong).toEqual([]);
  for (const form of ['once', 'double', 'different', 'early', 'forged'] as const) {
    expect(Object.keys(ended[form] ?? {})).toEqual(['JobSucceeded']);
  }
  expect(
    vendor.answers.filter(({ isProgress, status }) => isProgress && status === 200).length,
  ).toBeGreaterThan(0);
  expect(ended.failed).toEqual({ JobFailed: expect.any(Number) });
  expect(system.restarts.gateway).toBe(KILLS);
  expect(await verifyLog(system, { tenant_id: TENANT })).toMatchObject({ findings: [] });
});
