import type { StoredEvent } from '@errand/bus';
import { connectionOf } from '@errand/bus/testing';
import { type HoldingProxy, startNatsProxy } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RUN_PATH, STARTED, SUCCEEDED, startTestGateway, TENANT, type TestGateway } from './gateway.ts';
import { trim } from './read-model.ts';

/* A gateway that is stopped, or not answered, between the moment when the log stores a job and the one when it hears of it. */

/** A second beyond the time in which an acknowledgement is waited for. */
const APPEND_TIMEOUT_MS = 3_000;

let gateway: TestGateway;
let proxy: HoldingProxy;
beforeAll(async () => {
  gateway = await startTestGateway(async ({ natsUrl }) => {
    proxy = await startNatsProxy(natsUrl);
    return { natsUrl: proxy.url, appendTimeoutMs: APPEND_TIMEOUT_MS };
  });
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await proxy?.[Symbol.asyncDispose]();
});

const run = (key: string) =>
  gateway.call(RUN_PATH, { body: { tilt_deg: 1 }, headers: { 'idempotency-key': key } });
const isAck = (frame: string) => /"stream":\s*"JOBS",.*"seq":/s.test(frame) && !frame.includes('"config"');

/** Runs a job whose acknowledgement is kept back, and ends it; resolves with the version of its end. */
async function endUnheard(key: string) {
  const requested = Promise.withResolvers<StoredEvent>();
  const stop = gateway.bus.jobs.onStored('stored.jobs.>', {
    onGap: () => {},
    onEvent: (stored) => stored.type === 'JobRequested' && requested.resolve(stored),
  });
  await connectionOf(gateway.bus).flush();
  const acks = proxy.hold('server', isAck);
  const answering = run(key);
  const { ref, version } = await requested.promise;
  stop();
  await acks.caught;
  const started = await gateway.append(ref.jobId, version, STARTED);
  const ended = (await gateway.append(ref.jobId, started ?? 0, SUCCEEDED)) ?? 0;
  return { acks, answering, jobId: ref.jobId, version, ended };
}

const typesOf = async (jobId: string) =>
  (await gateway.bus.jobs.read({ tenantId: TENANT, jobId })).map(({ event }) => event.type).toSorted();
const LIFE = ['JobRequested', 'JobStarted', 'JobSucceeded'];

test.each(['late', 'lost'])(
  'a job that has ended before its run is acknowledged, with an acknowledgement that is %s, is accepted once',
  async (fate) => {
    const { acks, answering, jobId, version } = await endUnheard(fate);
    if (fate === 'late') acks.letGo();
    else acks[Symbol.dispose]();
    const { status, json, headers } = await answering;
    expect([status, json.job_id, json.version]).toEqual([202, jobId, version]);
    expect(headers.get('idempotency-replayed')).toBeNull();
    expect((await run(fate)).json).toEqual(json);
    expect(await typesOf(jobId)).toEqual(LIFE);
    expect((await gateway.call(json.links.status)).json.status).toBe('succeeded');
  },
);

test('a run that was answered 503, and whose job has ended and left the log since, is found by its key', async () => {
  using settling = proxy.hold('client', (frame) => frame.includes('STREAM.MSG.GET.JOBS'));
  const { acks, answering, jobId, version, ended } = await endUnheard('left');
  const { status, json } = await answering;
  expect([status, json.code]).toEqual([503, 'log_unavailable']);
  settling[Symbol.dispose]();
  acks[Symbol.dispose]();
  await expect.poll(() => gateway.bus.audit.version()).toBe(ended);
  await trim(gateway, ended);
  gateway.shiftMs = 15 * 60_000;
  try {
    const again = await run('left');
    expect([again.status, again.json.job_id, again.json.version]).toEqual([202, jobId, version]);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
  } finally {
    gateway.shiftMs = 0;
  }
  expect(await typesOf(jobId)).toEqual([]);
});
