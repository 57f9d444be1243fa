import { defineAction, FileResult, PermanentError, z } from '@errand/actions';
import { freePort } from '@errand/local-servers';
import { createLogger } from '@errand/runtime';
import { waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startWorker } from '../src/remote/start-worker.ts';
import { jobs, nats, startForFile, startTestExecutor, type TestExecutor } from './executor.ts';

const KEY = 'a-key-of-all-workers';
const OTHER_KEY = 'a-key-of-one-worker-';
/** Of most workers; and of those that fall silent. */
const SILENCE_MS = 30_000;
const SHORT_SILENCE_MS = 4_000;
const LEASE_MS = 2_000;
const resources = new AsyncDisposableStack();
let url: string;
let server: TestExecutor;
/** Of the other executor, whose workers may be silent for a few seconds. */
let strictUrl: string;
startForFile();

beforeAll(async () => {
  ({ url, server } = await startServer());
  ({ url: strictUrl } = await startServer(SHORT_SILENCE_MS));
});

afterAll(() => resources.disposeAsync());

async function startServer(silenceMs = SILENCE_MS): Promise<{ url: string; server: TestExecutor }> {
  const port = await freePort();
  const started = await startTestExecutor(nats.url, {
    ERRAND_WORKERS_PORT: String(port),
    ERRAND_WORKER_KEYS: `*=${KEY},only_this=${OTHER_KEY}`,
    ERRAND_WORKER_SILENCE_MS: String(silenceMs),
    ERRAND_LEASE_MS: String(LEASE_MS),
    ERRAND_EXECUTOR_FINISH_GRACE_MS: '2000',
  });
  resources.use(started);
  return { url: `http://127.0.0.1:${port}`, server: started };
}

/** A worker with the client of ours. */
function work(...actions: Parameters<typeof startWorker>[0]['actions']): AsyncDisposable {
  return startWorker({
    actions,
    url,
    key: KEY,
    log: createLogger({ service: 'worker', level: 'silent' }),
    onStray: () => {},
    finishGraceMs: 0,
    fail: (error) => void Promise.reject(error),
  });
}

interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: what a worker in another language reads
  readonly body: any;
}

/** A call as any HTTP client makes it. */
async function call(
  path: string,
  body: unknown,
  options: { key?: string; to?: string; signal?: AbortSignal } = {},
): Promise<Answer> {
  const { key = KEY, to = url, signal } = options;
  const answer = await fetch(`${to}/workers/v1${path}`, {
    method: path.endsWith('/file') ? 'PUT' : 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...(signal ? { signal } : {}),
  });
  const text = await answer.text();
  return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) };
}

const announcement = (name: string) => ({
  name,
  input_schema: { type: 'object' },
  result_schema: { type: 'object', properties: { sum: { type: 'number' } }, required: ['sum'] },
  retry: { max_attempts: 3, first_delay_s: 0.05 },
});

async function announce(name: string, to = url): Promise<string> {
  const { status, body } = await call('/actions', announcement(name), { to });
  expect({ status, body }).toMatchObject({ status: 200 });
  return body.contract_id;
}

/** The first attempt that comes. */
async function claim(action: string, contract_id: string, to = url) {
  return waitUntil(async () => {
    const { status, body } = await call('/claim', { action, contract_id, wait_s: 5 }, { to });
    expect({ status, body }).toMatchObject({ status: 200 });
    return body.attempts[0] as { token: string; job_id: string; attempt: number; input: unknown } | undefined;
  });
}

test('a worker runs actions without NATS: results, files, progress, retries and failures', async () => {
  const seen: number[] = [];
  const told = Promise.withResolvers<void>();
  await using _ = work(
    defineAction({
      name: 'remote_add',
      input: z.object({ a: z.number(), b: z.number() }),
      result: z.object({ sum: z.number(), tenant: z.string() }),
      async run({ input, tenantId, progress }) {
        progress(50, 'half');
        await told.promise;
        return { sum: input.a + input.b, tenant: tenantId };
      },
    }),
    defineAction({
      name: 'remote_flaky',
      input: z.object({}),
      result: z.object({}),
      retry: { firstDelayMs: 20 },
      run({ attempt }) {
        seen.push(attempt);
        if (attempt < 3) throw new Error('not yet');
        return {};
      },
    }),
    defineAction({
      name: 'remote_never',
      input: z.object({}),
      result: z.object({}),
      run() {
        throw new PermanentError('no_such_roof', 'The roof is gone.', [{ roof: 'r-1' }]);
      },
    }),
    defineAction({
      name: 'remote_file',
      input: z.object({}),
      result: FileResult,
      run: ({ saveResult }) =>
        saveResult({ contentType: 'text/plain', filename: 'ö.txt', body: [Buffer.from('hello')] }),
    }),
  );
  const sum = await jobs.request('remote_add', { a: 1, b: 2 });
  const { progress } = await jobs.stateWhen(sum, (state) => state.progress.value !== null);
  expect(progress.value).toMatchObject({ percent: 50, message: 'half' });
  told.resolve();
  const added = await jobs.ended(sum);
  expect(added.outcome.value.result).toEqual({ sum: 3, tenant: 'acme' });
  const flaky = await jobs.ended(await jobs.request('remote_flaky', {}));
  expect(flaky.phase.value.status).toBe('succeeded');
  expect(seen).toEqual([1, 2, 3]);
  const never = await jobs.ended(await jobs.request('remote_never', {}));
  expect(never.outcome.value.errors).toEqual([
    { code: 'no_such_roof', message: 'The roof is gone.', details: [{ roof: 'r-1' }] },
  ]);
  const file = await jobs.ended(await jobs.request('remote_file', {}));
  expect(file.outcome.value.resultRef).toMatchObject({
    bytes: 5,
    content_type: 'text/plain',
    filename: 'ö.txt',
  });
});

test('a worker gets as many attempts at a time as it has slots', async () => {
  let running = 0;
  let most = 0;
  await using _ = work(
    defineAction({
      name: 'remote_slots',
      input: z.object({}),
      result: z.object({}),
      concurrency: 3,
      async run() {
        most = Math.max(most, ++running);
        await waitUntil(async () => most >= 3);
        running--;
        return {};
      },
    }),
  );
  await jobs.contractIdOf('remote_slots');
  const refs = await Promise.all(Array.from({ length: 20 }, () => jobs.request('remote_slots', {})));
  for (const ref of refs) expect((await jobs.ended(ref)).phase.value.status).toBe('succeeded');
  expect(most).toBe(3);
});

test.each([
  ['no key', { key: 'not-a-key-of-anybody' }, '/claim', {}, 401, 'unauthorized'],
  ['the key of another action', { key: OTHER_KEY }, '/actions', announcement('remote_x'), 403, 'forbidden'],
  ['no JSON', {}, '/claim', '{', 400, 'invalid_json'],
  ['a wrong member', {}, '/claim', { action: 'a', contract_id: 'c', slots: 0 }, 422, 'invalid_request'],
  ['an unknown action', {}, '/claim', { action: 'nobody', contract_id: 'c' }, 404, 'unknown_action'],
  ['an unknown attempt', {}, '/attempts/nothing/heartbeat', {}, 409, 'attempt_over'],
  [
    'an inexact number',
    {},
    '/claim',
    '{"action":"a","contract_id":"c","slots":12345678901234567890}',
    422,
    'invalid_request',
  ],
  [
    'a schema that is none',
    {},
    '/actions',
    { ...announcement('remote_y'), input_schema: { type: 'nothing' } },
    422,
    'invalid_request',
  ],
  ['another path', {}, '/nothing', {}, 404, 'unknown_route'],
])('%s is refused', async (_, options, path, body, status, code) => {
  expect(await call(path, body, options)).toMatchObject({ status, body: { status, code } });
});

test('a contract that another worker has replaced is refused', async () => {
  const first = await announce('remote_replaced');
  const changed = { ...announcement('remote_replaced'), resource: 'sums/{sum_id}' };
  expect((await call('/actions', changed)).status).toBe(200);
  expect(await call('/claim', { action: 'remote_replaced', contract_id: first })).toMatchObject({
    status: 409,
    body: { code: 'contract_replaced' },
  });
});

test('an attempt whose worker falls silent is made again, and the late worker is refused', async () => {
  const contractId = await announce('remote_silent', strictUrl);
  const ref = await jobs.request('remote_silent', { n: 1 });
  const lost = await claim('remote_silent', contractId, strictUrl);
  expect(lost).toMatchObject({ job_id: ref.jobId, attempt: 1, input: { n: 1 } });
  // From the other one, where nobody is hurried.
  expect(await announce('remote_silent')).toBe(contractId);
  const next = await claim('remote_silent', contractId);
  expect(next).toMatchObject({ job_id: ref.jobId, attempt: 2 });
  expect(
    await call(`/attempts/${lost.token}/succeed`, { result: { sum: 1 } }, { to: strictUrl }),
  ).toMatchObject({
    status: 409,
    body: { code: 'attempt_over' },
  });
  expect((await call(`/attempts/${next.token}/succeed`, { result: { sum: 2 } })).status).toBe(204);
  expect((await jobs.ended(ref)).outcome.value.result).toEqual({ sum: 2 });
  expect(await jobs.typesOf(ref)).toContain('JobRetrying');
});

test('heartbeats keep an attempt, and tell of a cancel at once', async () => {
  const contractId = await announce('remote_beat', strictUrl);
  const ref = await jobs.request('remote_beat', {});
  const { token } = await claim('remote_beat', contractId, strictUrl);
  // Longer than a worker may be silent.
  for (let beats = 0; beats < 3; beats++) {
    expect((await call(`/attempts/${token}/heartbeat`, { wait_s: 1.5 }, { to: strictUrl })).body).toEqual({
      stop: null,
    });
  }
  const waiting = call(`/attempts/${token}/heartbeat`, { wait_s: 30 }, { to: strictUrl });
  const { version } = await jobs.stateWhen(ref, ({ phase }) => phase.value.status === 'running');
  await jobs.append(ref, version, { type: 'JobCancelRequested', data: { by: 'test' } });
  expect((await waiting).body).toEqual({ stop: 'canceled' });
  expect((await jobs.ended(ref)).phase.value.status).toBe('canceled');
  expect((await call(`/attempts/${token}/succeed`, { result: { sum: 1 } }, { to: strictUrl })).status).toBe(
    409,
  );
});

test('an attempt is judged by the contract that it began under', async () => {
  const contractId = await announce('remote_judged');
  const ref = await jobs.request('remote_judged', {});
  const { token } = await claim('remote_judged', contractId);
  const changed = { ...announcement('remote_judged'), result_schema: { type: 'string' } };
  expect((await call('/actions', changed)).status).toBe(200);
  expect((await call(`/attempts/${token}/succeed`, { result: { sum: 1 } })).status).toBe(204);
  expect((await jobs.ended(ref)).outcome.value.result).toEqual({ sum: 1 });
});

test('what a worker gives back is begun anew under its number; an unfit result fails the job', async () => {
  const contractId = await announce('remote_release');
  const ref = await jobs.request('remote_release', {});
  const first = await claim('remote_release', contractId);
  expect((await call(`/attempts/${first.token}/release`, {})).status).toBe(204);
  const again = await claim('remote_release', contractId);
  expect(again).toMatchObject({ job_id: ref.jobId, attempt: 1 });
  expect(await call(`/attempts/${again.token}/succeed`, { result: { sum: 'three' } })).toMatchObject({
    status: 422,
    body: { code: 'invalid_result', errors: [{ pointer: '#/sum' }] },
  });
  const { outcome } = await jobs.ended(ref);
  expect(outcome.value.errors?.[0]?.code).toBe('invalid_result');
});

test('an ending that is told again has the same answer', async () => {
  const contractId = await announce('remote_twice');
  const ref = await jobs.request('remote_twice', {});
  const { token } = await claim('remote_twice', contractId);
  const tell = () => call(`/attempts/${token}/succeed`, { result: { sum: 1 } });
  expect((await Promise.all([tell(), tell()])).map(({ status }) => status)).toEqual([204, 204]);
  expect((await tell()).status).toBe(204);
  expect((await call(`/attempts/${token}/heartbeat`, {})).status).toBe(409);
  expect((await jobs.ended(ref)).outcome.value.result).toEqual({ sum: 1 });
});

test('of two endings the first one counts, and the other is refused', async () => {
  const contractId = await announce('remote_two');
  const ref = await jobs.request('remote_two', {});
  const { token } = await claim('remote_two', contractId);
  expect((await call(`/attempts/${token}/succeed`, { result: { sum: 1 } })).status).toBe(204);
  const over = { status: 409, body: { code: 'attempt_over' } };
  expect(await call(`/attempts/${token}/succeed`, { result: { sum: 2 } })).toMatchObject(over);
  expect(await call(`/attempts/${token}/retry`, {})).toMatchObject(over);
  expect((await jobs.ended(ref)).outcome.value.result).toEqual({ sum: 1 });
  const unfit = await jobs.request('remote_two', {});
  const other = await claim('remote_two', contractId);
  const tell = async () => (await call(`/attempts/${other.token}/succeed`, { result: {} })).body.code;
  expect([await tell(), await tell()]).toEqual(['invalid_result', 'invalid_result']);
  expect((await jobs.ended(unfit)).phase.value.status).toBe('failed');
});

test('a worker whose result comes slowly is not silent', async () => {
  const contractId = await announce('remote_slow', strictUrl);
  const ref = await jobs.request('remote_slow', {});
  const { token } = await claim('remote_slow', contractId, strictUrl);
  const pieces = async function* () {
    for (const piece of ['{"result"', ':{"sum"', ':3', '}}']) {
      yield Buffer.from(piece);
      // All together longer than a worker may be silent.
      await call(
        '/claim',
        { action: 'remote_slow', contract_id: contractId, wait_s: 1.5 },
        { to: strictUrl },
      );
    }
  };
  const answer = await fetch(`${strictUrl}/workers/v1/attempts/${token}/succeed`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    body: ReadableStream.from(pieces()),
    duplex: 'half',
  });
  expect(answer.status).toBe(204);
  expect((await jobs.ended(ref)).attempt.value.number).toBe(1);
});

test('a claim whose worker has gone takes nothing', async () => {
  const contractId = await announce('remote_gone');
  const gone = new AbortController();
  const claiming = call(
    '/claim',
    { action: 'remote_gone', contract_id: contractId, wait_s: 30 },
    { signal: gone.signal },
  );
  await waitUntil(async () => (await slotsOf('remote_gone')) === 1);
  gone.abort();
  await expect(claiming).rejects.toThrow();
  await waitUntil(async () => (await slotsOf('remote_gone')) === 0);
  const ref = await jobs.request('remote_gone', {});
  const { token } = await claim('remote_gone', contractId);
  await call(`/attempts/${token}/succeed`, { result: { sum: 1 } });
  expect((await jobs.ended(ref)).attempt.value.number).toBe(1);
  // It was not given and taken back.
  expect(await jobs.typesOf(ref)).not.toContain('JobDue');
});

/** The free slots of the executor's workers, as it says. */
async function slotsOf(action: string): Promise<number | undefined> {
  const metrics = await (await fetch(`http://127.0.0.1:${server.opsPort}/metrics`)).text();
  const line = metrics
    .split('\n')
    .find((each) => each.startsWith('errand_remote_free_slots') && each.includes(`action="${action}"`));
  return line === undefined ? undefined : Number(line.split(' ').at(-1));
}

test("another executor takes over what a stopped one's workers ran, and their calls are refused", async () => {
  const other = await startServer();
  const contractId = await announce('remote_takeover');
  expect(await announce('remote_takeover', other.url)).toBe(contractId);
  const ref = await jobs.request('remote_takeover', {});
  const first = await claim('remote_takeover', contractId);
  const beat = call(`/attempts/${first.token}/heartbeat`, { wait_s: 10 });
  const stopped = server[Symbol.asyncDispose]();
  // Not at once with nothing, again and again.
  const claims = call('/claim', { action: 'remote_takeover', contract_id: contractId, wait_s: 5 });
  expect(await claims).toMatchObject({ status: 503, body: { code: 'unavailable' } });
  expect(await beat).toMatchObject({ status: 200, body: { stop: 'given_up' } });
  await stopped;
  const second = await claim('remote_takeover', contractId, other.url);
  expect(second).toMatchObject({ job_id: ref.jobId, attempt: 1 });
  expect(
    (await call(`/attempts/${first.token}/succeed`, { result: { sum: 1 } }, { to: other.url })).status,
  ).toBe(409);
  expect(
    (await call(`/attempts/${second.token}/succeed`, { result: { sum: 2 } }, { to: other.url })).status,
  ).toBe(204);
  expect((await jobs.ended(ref)).outcome.value.result).toEqual({ sum: 2 });
});
