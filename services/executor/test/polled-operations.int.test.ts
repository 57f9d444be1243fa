import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bus } from '@errand/bus';
import type { JobEventOf, JobEventType, JobRef } from '@errand/contracts';
import { foldJob, type JobState } from '@errand/domain';
import {
  type Answer,
  type ReceivedRequest,
  type Receiver,
  startReceiver,
  startTestNats,
  type TestNats,
} from '@errand/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  openExecutorTestBus,
  startTestExecutor,
  type TestExecutor,
  type TestJobs,
  testJobs,
} from './executor.ts';
import { superviseExecutor } from './supervised.ts';

/* Endpoints that answer 202 and are asked for the result, in the three ways that are common. */

let nats: TestNats;
let bus: Bus;
let jobs: TestJobs;
let vendor: Receiver;
let folder: string;
let executor: TestExecutor | undefined;

/** What the vendor's operation does at the next poll; the last one stays. */
let polls: Answer[] = [];
const json = (body: unknown, status = 200, headers: Record<string, string> = {}): Answer => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
});
const startsOf = () => vendor.requests.filter(({ method, url }) => method === 'POST' && /^\/\w+$/.test(url));
const pollsOf = () => vendor.requests.filter(({ method }) => method === 'GET');
const cancelsOf = () =>
  vendor.requests.filter(({ method, url }) => method === 'DELETE' || url.includes('/cancel'));

/** Each style's answer to a start. */
const STARTS: Record<string, () => Answer> = {
  '/location': () => ({ status: 202, headers: { location: '/ops/1', 'retry-after': '1' }, body: 'Accepted' }),
  '/body': () => json({ id: 'e 1', status: 'queued' }, 201),
  '/link': () => json({ urls: { get: `${vendor.url}/ops/1` } }, 201),
  '/azure': () => ({ status: 202, headers: { 'operation-location': `${vendor.url}/ops/1?api-version=2` } }),
  '/nowhere': () => ({ status: 202 }),
  '/elsewhere': () => ({ status: 202, headers: { location: 'http://127.0.0.1:9/ops/1' } }),
  '/busy': () =>
    startsOf().length > 1 ? json({ price: 7 }) : { status: 503, headers: { 'retry-after': '2' } },
  '/atonce': () => json({ price: 7 }),
};
function respond({ method, url }: ReceivedRequest): Answer {
  if (method === 'GET') return (polls.length > 1 ? polls.shift() : polls[0]) ?? { status: 500 };
  if (method === 'DELETE' || url.includes('/cancel')) return { status: 204 };
  return STARTS[url]?.() ?? { status: 404 };
}

const yamlOf = (url: string) => `actions:
  by_location:
    http:
      url: ${url}/location
      poll: { header: Location, every_s: 1, cancel: {} }
  by_body:
    http:
      url: ${url}/body
      poll:
        url: ${url}/exports/{/id}
        every_s: 1
        done_when: { /status: [succeeded] }
        failed_when: { /status: [failed, canceled] }
        result: { price: /output/price }
        cancel: { method: POST, url: '{operation}/cancel' }
      error_details: /error
  by_link:
    http: { url: ${url}/link, poll: { url: /urls/get, every_s: 1, done_when: { /status: [done] }, result: /output } }
  by_operation_location:
    http:
      url: ${url}/azure
      poll:
        header: Operation-Location
        every_s: 1
        done_when: { /status: [Succeeded] }
        failed_when: { /status: [Failed] }
        result: /result
        cancel: { method: POST, url: '{operation}/cancel' }
  nowhere: { http: { url: ${url}/nowhere, poll: { header: location } } }
  elsewhere: { http: { url: ${url}/elsewhere, poll: { header: location } } }
  at_once: { http: { url: ${url}/atonce, poll: { header: location } } }
  limited:
    http: { url: ${url}/location, poll: { header: location, every_s: 1, limit_s: 2, cancel: {} } }
  gone_again:
    http: { url: ${url}/location, poll: { header: location, every_s: 1 }, retry_on: [404] }
  impatient:
    timeout_s: 0.5
    http: { url: ${url}/location, poll: { header: location, every_s: 1 } }
  busy:
    http: { url: ${url}/busy }
    retry: { max_attempts: 2, first_delay_s: 0.001, max_delay_s: 0.001 }
  one_slot:
    concurrency: 1
    http: { url: ${url}/location, poll: { header: location, every_s: 2 } }
`;

beforeAll(async () => {
  nats = await startTestNats();
  bus = await openExecutorTestBus(nats.url);
  jobs = testJobs(bus);
  vendor = await startReceiver({ respond });
  folder = await mkdtemp(join(tmpdir(), 'errand-polled-'));
  await writeFile(join(folder, 'actions.yaml'), yamlOf(vendor.url));
});
beforeEach(() => {
  vendor.requests.length = 0;
  vendor.respond = respond;
});
afterAll(async () => {
  await executor?.[Symbol.asyncDispose]();
  await bus?.[Symbol.asyncDispose]();
  await vendor?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function eventOf<T extends JobEventType>(ref: JobRef, type: T): Promise<JobEventOf<T> | undefined> {
  const found = (await bus.jobs.read(ref)).find(({ event }) => event.type === type)?.event;
  return found as JobEventOf<T> | undefined;
}
const isDeferred = ({ phase }: JobState) => phase.value.status === 'running' && phase.value.nextAt !== null;

/** Polled once, after which the other side wants to be left alone for so long. */
async function untilLeftAlone(ref: JobRef): Promise<void> {
  await vendor.waitFor(({ method }) => method === 'GET', 30_000);
  await jobs.stateWhen(ref, isDeferred);
}

/** As a gateway does. */
async function cancel(ref: JobRef): Promise<void> {
  const version = foldJob(await bus.jobs.read(ref))?.version ?? 0;
  await jobs.append(ref, version, { type: 'JobCancelRequested', data: { by: 'amy' } });
}

describe('an executor', () => {
  beforeAll(async () => {
    executor = await startTestExecutor(nats.url, { ERRAND_ACTIONS: join(folder, 'actions.yaml') });
  });
  afterAll(async () => {
    await executor?.[Symbol.asyncDispose]();
    executor = undefined;
  });

  test.each([
    [
      'by_location',
      [{ status: 202, headers: { 'retry-after': '1' } }, json({ price: 7 })],
      '/ops/1',
      { price: 7 },
    ],
    [
      'by_location',
      [{ status: 303, headers: { location: '/results/1' } }, json({ price: 7 }, 200)],
      '/ops/1',
      { price: 7 },
    ],
    [
      'by_body',
      [json({ status: 'running' }), json({ status: 'succeeded', output: { price: 7 } })],
      '/exports/e%201',
      { price: 7 },
    ],
    ['by_link', [json({ status: 'busy' }), json({ status: 'done', output: 7 })], '/ops/1', 7],
    [
      'by_operation_location',
      [json({ status: 'Running' }), json({ status: 'Succeeded', result: { price: 7 } })],
      '/ops/1?api-version=2',
      { price: 7 },
    ],
  ])('polls %s until the result is there: %j', async (action, answers, path, result) => {
    polls = answers;
    const ref = await jobs.request(action, {});
    const state = await jobs.ended(ref);
    expect(state.phase.value.status).toBe('succeeded');
    expect(state.outcome.value.result).toEqual(result);
    expect(state.attempt.value.number).toBe(1);
    // From the start, not of the last poll alone.
    expect((await eventOf(ref, 'JobSucceeded'))?.data.duration_ms).toBeGreaterThan(900);
    expect(startsOf()).toMatchObject([{ headers: { 'idempotency-key': ref.jobId } }]);
    expect(pollsOf()[0]?.url).toBe(path);
    expect(pollsOf().some(({ headers }) => 'idempotency-key' in headers)).toBe(false);
    expect((await eventOf(ref, 'JobDeferred'))?.data).toMatchObject({
      attempt: 1,
      operation: `${vendor.url}${path}`,
    });
  });

  test('the address is in the log before the first poll', async () => {
    const deferred = Promise.withResolvers<unknown>();
    const ref = jobs.newRef('by_location');
    polls = [json(1)];
    vendor.respond = async (request) => {
      if (request.method === 'GET') {
        const asked = await bus.jobs.read({
          ...ref,
          jobId: String(startsOf()[0]?.headers['idempotency-key']),
        });
        deferred.resolve(asked.find(({ event }) => event.type === 'JobDeferred')?.event.data);
      }
      return respond(request);
    };
    await jobs.ended(await jobs.request('by_location', {}));
    expect(await deferred.promise).toMatchObject({ operation: `${vendor.url}/ops/1` });
  });

  test('Retry-After of a start is the least wait before the next attempt, whatever max_delay_s is', async () => {
    const ref = await jobs.request('busy', {});
    expect((await jobs.ended(ref)).outcome.value.result).toEqual({ price: 7 });
    const retrying = await eventOf(ref, 'JobRetrying');
    const waitMs = Date.parse(retrying?.data.retry_at ?? '') - Date.parse(retrying?.time ?? '');
    // The wait begins before its event is written.
    expect(waitMs).toBeGreaterThan(1_900);
  });

  test('an endpoint that answers at once is not polled', async () => {
    const state = await jobs.ended(await jobs.request('at_once', {}));
    expect(state.outcome.value.result).toEqual({ price: 7 });
    expect(pollsOf()).toEqual([]);
  });

  test.each([
    [
      'by_body',
      json({ status: 'failed', error: { why: 'x' } }),
      'operation_failed',
      { answer: { why: 'x' } },
    ],
    ['by_location', { status: 404 }, 'operation_gone', { status: 404 }],
    ['by_location', { status: 410 }, 'operation_gone', { status: 410 }],
    ['by_location', { status: 403 }, 'endpoint_refused', { status: 403 }],
    ['by_location', { status: 200, body: '{"a":1e400}' }, 'invalid_output', {}],
    ['nowhere', json(1), 'operation_unknown', undefined],
    ['elsewhere', json(1), 'operation_elsewhere', { origin: 'http://127.0.0.1:9' }],
  ])('%s ends with the right words when a poll is answered %j', async (action, answer, code, detail) => {
    polls = [answer];
    const state = await jobs.ended(await jobs.request(action, {}));
    expect(state.outcome.value.errors).toMatchObject([
      { code, ...(detail === undefined ? {} : { details: [detail] }) },
    ]);
    expect(startsOf()).toHaveLength(1);
  });

  test('a poll that fails is made again, and uses up no attempt', async () => {
    polls = [
      { status: 503, headers: { 'retry-after': '1' } },
      { status: 200, body: '<html>' },
      json({ price: 7 }),
    ];
    const state = await jobs.ended(await jobs.request('by_location', {}));
    expect(state.outcome.value.result).toEqual({ price: 7 });
    expect(state.attempt.value.number).toBe(1);
    expect(startsOf()).toHaveLength(1);
  });

  test('a status of retry_on is polled again, though the operation is not found', async () => {
    polls = [{ status: 404 }, json({ price: 7 })];
    const state = await jobs.ended(await jobs.request('gone_again', {}));
    expect(state.outcome.value.result).toEqual({ price: 7 });
  });

  test('a poll that takes longer than timeout_s is given up and made again', async () => {
    let asked = 0;
    polls = [json({ price: 7 })];
    vendor.respond = (request) =>
      request.method === 'GET' && asked++ === 0 ? new Promise<Answer>(() => {}) : respond(request);
    const state = await jobs.ended(await jobs.request('impatient', {}));
    expect(state.outcome.value.result).toEqual({ price: 7 });
    expect(state.attempt.value.number).toBe(1);
  });

  test('Retry-After of a poll is waited for, and no longer than the limit', async () => {
    polls = [{ status: 202, headers: { 'retry-after': '600' } }];
    const ref = await jobs.request('limited', {});
    const state = await jobs.ended(ref);
    expect(state.outcome.value.errors).toMatchObject([
      { code: 'operation_timed_out', details: [{ limit_s: 2 }] },
    ]);
    expect(cancelsOf()).toMatchObject([{ method: 'DELETE', url: '/ops/1' }]);
    const { data } = (await eventOf(ref, 'JobDeferred')) ?? {};
    expect(Date.parse(data?.until ?? '') - Date.parse(data?.began_at ?? '')).toBeLessThan(60_000);
  });

  test('an operation that is waited for holds no slot', async () => {
    polls = [{ status: 202 }];
    const refs = await Promise.all([1, 2, 3].map(() => jobs.request('one_slot', {})));
    await Promise.all(refs.map((ref) => jobs.stateWhen(ref, isDeferred)));
    expect(startsOf()).toHaveLength(3);
    polls = [json({ price: 7 })];
    for (const ref of refs) expect((await jobs.ended(ref)).phase.value.status).toBe('succeeded');
  });

  test.each([
    ['by_location', '/ops/1'],
    ['by_body', '/exports/e%201/cancel'],
    ['by_operation_location', '/ops/1/cancel?api-version=2'],
  ])('a cancel of %s while it is deferred reaches the other side first', async (action, url) => {
    polls = [json({ status: 'running' }, 202, { 'retry-after': '60' })];
    const ref = await jobs.request(action, {});
    const before = Promise.withResolvers<string | null | undefined>();
    vendor.respond = async (request) => {
      if (cancelsOf().length > 0) before.resolve(foldJob(await bus.jobs.read(ref))?.phase.value.status);
      return respond(request);
    };
    await untilLeftAlone(ref);
    await cancel(ref);
    const state = await jobs.ended(ref);
    expect(state.phase.value.status).toBe('canceled');
    expect(await before.promise).toBe('queued');
    expect(cancelsOf()).toMatchObject([{ url }]);
    expect('idempotency-key' in (cancelsOf()[0]?.headers ?? {})).toBe(false);
  });

  test('a cancel while a poll is under way reaches the other side', async () => {
    const ref = await jobs.request('by_location', {});
    vendor.respond = (request) =>
      request.method === 'GET' ? new Promise<Answer>(() => {}) : respond(request);
    await vendor.waitFor(({ method }) => method === 'GET', 30_000);
    await cancel(ref);
    expect((await jobs.ended(ref)).phase.value.status).toBe('canceled');
    expect(cancelsOf()).toMatchObject([{ method: 'DELETE', url: '/ops/1' }]);
  });

  test('a job is canceled although the other side does not hear of it', async () => {
    polls = [{ status: 202, headers: { 'retry-after': '60' } }];
    vendor.respond = (request) => (request.method === 'DELETE' ? 503 : respond(request));
    const ref = await jobs.request('by_location', {});
    await untilLeftAlone(ref);
    await cancel(ref);
    expect((await jobs.ended(ref)).phase.value.status).toBe('canceled');
    expect(cancelsOf()).toHaveLength(3);
  });

  test('the operation of a job that is about to expire is canceled', async () => {
    polls = [{ status: 202 }];
    const finish_by = new Date(Date.now() + 12_000).toISOString();
    const ref = await jobs.request('by_location', {}, { finishBy: finish_by });
    expect((await jobs.ended(ref)).phase.value.status).toBe('expired');
    expect(cancelsOf()).not.toEqual([]);
  });
});

test('kill -9 of the executor during a poll: the next one polls on, and the vendor saw one start', async () => {
  polls = [{ status: 202 }];
  const env = { NATS_URL: nats.url, ERRAND_ACTIONS: join(folder, 'actions.yaml') };
  await using supervised = superviseExecutor(env);
  const ref = await jobs.request('by_location', {});
  vendor.respond = (request) => (request.method === 'GET' ? new Promise<Answer>(() => {}) : respond(request));
  await vendor.waitFor(({ method }) => method === 'GET', 30_000);
  polls = [json({ price: 7 })];
  vendor.respond = respond;
  supervised.kill('SIGKILL');
  const state = await jobs.ended(ref);
  expect(supervised.ends).toEqual(['SIGKILL']);
  expect(state.outcome.value.result).toEqual({ price: 7 });
  expect(state.attempt.value.number).toBe(2);
  expect(startsOf()).toHaveLength(1);
}, 60_000);

test('an executor that is told to stop during a poll hands the job over, which polls on', async () => {
  polls = [{ status: 202 }];
  const env = { NATS_URL: nats.url, ERRAND_ACTIONS: join(folder, 'actions.yaml') };
  await using supervised = superviseExecutor(env);
  const ref = await jobs.request('by_location', {});
  vendor.respond = (request) => (request.method === 'GET' ? new Promise<Answer>(() => {}) : respond(request));
  await vendor.waitFor(({ method }) => method === 'GET', 30_000);
  polls = [json({ price: 7 })];
  vendor.respond = respond;
  supervised.kill('SIGTERM');
  const state = await jobs.ended(ref);
  expect(supervised.ends).toEqual(['code 0']);
  expect([state.outcome.value.result, state.attempt.value.number]).toEqual([{ price: 7 }, 1]);
  expect(startsOf()).toHaveLength(1);
}, 60_000);

test('an executor that is killed while it cancels an operation leaves that to the next one', async () => {
  polls = [{ status: 202, headers: { 'retry-after': '60' } }];
  const env = { NATS_URL: nats.url, ERRAND_ACTIONS: join(folder, 'actions.yaml') };
  await using supervised = superviseExecutor(env);
  const ref = await jobs.request('by_location', {});
  await untilLeftAlone(ref);
  vendor.respond = (request) =>
    request.method === 'DELETE' ? new Promise<Answer>(() => {}) : respond(request);
  await cancel(ref);
  await vendor.waitFor(({ method }) => method === 'DELETE', 30_000);
  vendor.respond = respond;
  supervised.kill('SIGKILL');
  expect((await jobs.ended(ref)).phase.value.status).toBe('canceled');
  expect(cancelsOf()).toHaveLength(2);
  expect(startsOf()).toHaveLength(1);
}, 60_000);

test('kill -9 of the executor while a job is deferred: the next one polls on under the same attempt', async () => {
  polls = [json({ status: 'running' }, 202, { 'retry-after': '8' })];
  const env = { NATS_URL: nats.url, ERRAND_ACTIONS: join(folder, 'actions.yaml') };
  await using supervised = superviseExecutor(env);
  const ref = await jobs.request('by_body', {});
  await untilLeftAlone(ref);
  supervised.kill('SIGKILL');
  polls = [json({ status: 'succeeded', output: { price: 7 } })];
  const state = await jobs.ended(ref);
  expect(state.outcome.value.result).toEqual({ price: 7 });
  expect(state.attempt.value.number).toBe(1);
  expect(startsOf()).toHaveLength(1);
}, 60_000);

test('kill -9 between the 202 and its event: the start comes again with the same key', async () => {
  polls = [json({ price: 7 })];
  const env = { NATS_URL: nats.url, ERRAND_ACTIONS: join(folder, 'actions.yaml') };
  await using supervised = superviseExecutor(env);
  let isFirst = true;
  vendor.respond = (request) => {
    if (request.method !== 'POST' || !isFirst) return respond(request);
    isFirst = false;
    supervised.kill('SIGKILL');
    return respond(request);
  };
  const ref = await jobs.request('by_location', {});
  const state = await jobs.ended(ref);
  expect(state.outcome.value.result).toEqual({ price: 7 });
  expect(startsOf().map(({ headers }) => headers['idempotency-key'])).toEqual([ref.jobId, ref.jobId]);
}, 60_000);
