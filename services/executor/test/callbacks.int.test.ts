import type { Bus } from '@errand/bus';
import {
  CallbackTerms,
  type JobEventOf,
  type JobEventType,
  type JobRef,
  readCallbackOperation,
  termsContext,
} from '@errand/contracts';
import { foldJob } from '@errand/domain';
import { createCallbackKeys, sealAnswer } from '@errand/runtime';
import {
  type Answer,
  type ReceivedRequest,
  type Receiver,
  startReceiver,
  startTestNats,
  type TestNats,
  waitUntil,
} from '@errand/testkit';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import {
  attemptsEnded,
  openExecutorTestBus,
  startTestExecutor,
  type TestExecutor,
  type TestJobs,
  testJobs,
} from './executor.ts';
import { createTestFolder, type TestFolder } from './folder.ts';

/* Endpoints and code that leave a job to a call. The test answers for the key as gateways do. */

const keys = createCallbackKeys(Buffer.alloc(32, 7).toString('base64'));
const BASE = 'https://errand.example/callbacks/';

let nats: TestNats;
let bus: Bus;
let jobs: TestJobs;
let vendor: Receiver;
let folder: TestFolder;
let executor: TestExecutor | undefined;
const asked: string[] = [];
let stopAnswering = () => {};

const json = (body: unknown): Answer => ({
  status: 202,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});
function respond({ method }: ReceivedRequest): Answer {
  return method === 'DELETE' ? { status: 204 } : json({ id: 'op 1' });
}
const startsOf = () => vendor.requests.filter(({ method }) => method !== 'DELETE');
const cancelsOf = () => vendor.requests.filter(({ method }) => method === 'DELETE');

const yamlOf = (url: string) => `actions:
  render:
    input: { type: object, properties: { scene: { type: string } } }
    http:
      url: ${url}/render?hook={{callback_url}}
      headers: { x-hook: '<{{callback_url}}>' }
      body: { scene: /input/scene, notify: '{{callback_url}}' }
      callback:
        result: { picture: /output/url }
        failed_when: { /status: [failed] }
        error: /why
        verify: { header: X-Signature, hmac_sha256: '\${secret:VENDOR_SECRET}' }
        within_s: 60
        cancel: { url: '${url}/renders/{/id}' }
  hasty:
    retry: { max_attempts: 2, first_delay_s: 0.001, max_delay_s: 0.001 }
    http:
      url: ${url}/hasty
      body: { notify: '{{callback_url}}' }
      callback: { within_s: 1, cancel: { url: '${url}/renders/{/id}' } }
  one_slot:
    concurrency: 1
    http: { url: '${url}/slot', body: '{{callback_url}}', callback: { methods: [GET] } }
`;
const code = `import { defer, defineAction, z } from '@errand/actions';
const options = {
  input: z.object({ withinMs: z.number().optional() }),
  result: z.object({ ok: z.boolean() }),
  retry: { maxAttempts: 2, firstDelayMs: 1, maxDelayMs: 1 },
  async run({ callbackUrl, input, log }) {
    log('url', { url: await callbackUrl() });
    const answer = await fetch('VENDOR/code', { method: 'POST', body: await callbackUrl() });
    await answer.text();
    return defer(input);
  },
};
export const code = defineAction({ name: 'by_code', callback: { result: '/done', withinMs: 60_000 }, ...options });
export const threads = defineAction({ name: 'by_thread', thread: 'worker', ...options });
`;

beforeAll(async () => {
  vi.stubEnv('VENDOR_SECRET', 'a secret of the vendor');
  nats = await startTestNats();
  bus = await openExecutorTestBus(nats.url);
  jobs = testJobs(bus);
  vendor = await startReceiver({ respond });
  folder = await createTestFolder();
  const files = [
    await folder.write('actions.yaml', yamlOf(vendor.url)),
    await folder.write('code.ts', code.replaceAll('VENDOR', vendor.url)),
  ];
  executor = await startTestExecutor(nats.url, { ERRAND_ACTIONS: files.join() });
});
beforeEach(() => {
  vendor.requests.length = 0;
  vendor.respond = respond;
});
afterAll(async () => {
  stopAnswering();
  await executor?.[Symbol.asyncDispose]();
  await bus?.[Symbol.asyncDispose]();
  await vendor?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

async function answerKeys(): Promise<void> {
  stopAnswering = await bus.commands.answerCallbackKeys((action, request) => {
    asked.push(action);
    const answer = { key: keys.keyOf(action).base64, base_url: BASE };
    const { publicKey, sealed } = sealAnswer(JSON.stringify(answer), request.public_key);
    return { public_key: publicKey, sealed };
  });
}

async function eventOf<T extends JobEventType>(ref: JobRef, type: T): Promise<JobEventOf<T> | undefined> {
  const found = (await bus.jobs.read(ref)).find(({ event }) => event.type === type)?.event;
  return found as JobEventOf<T> | undefined;
}
const deferral = (ref: JobRef) => waitUntil(() => eventOf(ref, 'JobDeferred'), { timeoutMs: 20_000 });
const attemptOf = (url: string) => keys.read(url.replace(BASE, ''));

/** What the log says of how a call is judged. */
function openTerms(ref: JobRef, { data }: JobEventOf<'JobDeferred'>) {
  const operation = readCallbackOperation(data.operation);
  const context = termsContext({ ...ref, attempt: data.attempt });
  const terms = keys.boxOf(ref.action).open(operation?.terms ?? '', context);
  return { operation, terms: CallbackTerms.parse(JSON.parse(terms)) };
}

test('without a gateway an attempt fails with a clear code, and is retried', async () => {
  const ref = await jobs.request('by_code', {});
  const retrying = await waitUntil(() => eventOf(ref, 'JobRetrying'), { timeoutMs: 20_000 });
  expect(retrying.data.error).toMatchObject({ code: 'callback_unavailable' });
  const state = await jobs.ended(ref);
  expect(state.outcome.value.errors).toMatchObject([{ code: 'callback_unavailable' }]);
  expect(vendor.requests).toEqual([]);
  await answerKeys();
});

test('an endpoint is told the URL where the request says so, and the log how its call is judged', async () => {
  const ref = await jobs.request('render', { scene: 'sea' });
  const deferred = await deferral(ref);
  const [start] = startsOf();
  const body = JSON.parse(start?.body.toString() ?? '');
  expect(body).toEqual({ scene: 'sea', notify: expect.stringContaining(BASE) });
  expect(attemptOf(body.notify)).toEqual({ ...ref, attempt: 1 });
  expect(start?.url).toBe(`/render?hook=${encodeURIComponent(body.notify)}`);
  expect(start?.headers).toMatchObject({ 'x-hook': `<${body.notify}>`, 'idempotency-key': `${ref.jobId}.1` });
  const { operation, terms } = openTerms(ref, deferred);
  expect(operation).toMatchObject({ attempt: 1, address: `${vendor.url}/renders/op%201` });
  expect(terms).toEqual({
    result: { picture: '/output/url' },
    failed_when: { '/status': ['failed'] },
    error: '/why',
    verify: { header: 'X-Signature', hmac_sha256: 'a secret of the vendor' },
    methods: ['POST', 'PUT'],
  });
  expect(deferred.data.waits_for).toBe('callback');
  expect(Date.parse(deferred.data.until) - Date.parse(deferred.time)).toBeGreaterThan(50_000);
  expect(JSON.stringify(await bus.jobs.read(ref))).not.toContain('a secret of the vendor');
  expect(asked.filter((action) => action === 'render')).toEqual(['render']);
});

test('a canceled job has its work canceled outside before it ends', async () => {
  const ref = await jobs.request('render', { scene: 'sea' });
  await deferral(ref);
  const version = foldJob(await bus.jobs.read(ref))?.version ?? 0;
  await jobs.append(ref, version, { type: 'JobCancelRequested', data: { by: 'amy' } });
  const state = await jobs.ended(ref);
  expect(state.phase.value.status).toBe('canceled');
  expect(cancelsOf().map(({ url }) => url)).toEqual(['/renders/op%201']);
});

test('without a call in time the attempt has failed; the next one has another URL, and the last one fails the job', async () => {
  const ref = await jobs.request('hasty', {});
  const state = await jobs.ended(ref);
  expect(state.phase.value.status).toBe('failed');
  expect(state.outcome.value.errors).toMatchObject([{ code: 'callback_missing' }]);
  const urls = startsOf().map(({ body }) => JSON.parse(body.toString()).notify as string);
  expect(urls.map((url) => attemptOf(url)?.attempt)).toEqual([1, 2]);
  expect(startsOf().map(({ headers }) => headers['idempotency-key'])).toEqual([
    `${ref.jobId}.1`,
    `${ref.jobId}.2`,
  ]);
  // The work of each is canceled once.
  expect(cancelsOf()).toHaveLength(2);
});

test('jobs that wait for a call hold no slot', async () => {
  const refs = await Promise.all(Array.from({ length: 20 }, () => jobs.request('one_slot', {})));
  await Promise.all(refs.map(deferral));
  expect(await attemptsEnded(executor as TestExecutor, 'one_slot', 'deferred')).toBe(20);
  expect(JSON.parse(startsOf()[0]?.body.toString() ?? '')).toContain(BASE);
});

test.each(['by_code', 'by_thread'])('%s defers for as long as it says', async (action) => {
  const ref = await jobs.request(action, { withinMs: 200_000 });
  const deferred = await deferral(ref);
  const waitMs = Date.parse(deferred.data.until) - Date.parse(deferred.time);
  expect(waitMs).toBeGreaterThan(150_000);
  expect(waitMs).toBeLessThan(250_000);
  const [start] = startsOf();
  expect(attemptOf(start?.body.toString() ?? '')).toEqual({ ...ref, attempt: 1 });
  expect(openTerms(ref, deferred).terms.result).toBe(action === 'by_code' ? '/done' : '');
});
