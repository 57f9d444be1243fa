import { randomUUIDv7 } from 'node:crypto';
import { connectionOf } from '@errand/bus/testing';
import { BUCKETS, IdempotencyRecord } from '@errand/contracts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keyedPlaceOf } from '../src/actions/action-path.ts';
import { batchJobId } from '../src/runs/batch/accept-batch.ts';
import { fingerprintOf, recordNameOf } from '../src/runs/idempotency.ts';
import { RUN_PATH, SIMULATE, startTestGateway, TENANT, type TestGateway } from './gateway.ts';
import { forget, openReadModel } from './read-model.ts';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway();
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

const placeOf = (path: string) => keyedPlaceOf(`http://gateway${path}`);
const BODY = '{"tilt_deg": 30}';
const run = (key: string, options = {}) =>
  gateway.call(RUN_PATH, { body: BODY, headers: { 'idempotency-key': key }, ...options });

/** Leaves the record that a gateway leaves which dies before it asks for the job. */
async function leaveRecord(key: string, ageMs: number): Promise<IdempotencyRecord> {
  const record = {
    job_id: randomUUIDv7(),
    fingerprint: fingerprintOf(placeOf(RUN_PATH), BODY),
    created_at: new Date(Date.now() - ageMs).toISOString(),
  };
  const bucket = await gateway.bus.buckets.open(BUCKETS.idempotency, IdempotencyRecord);
  await bucket.put(recordNameOf({ tenantId: TENANT, kind: 'run', place: placeOf(RUN_PATH), key }), record);
  return record;
}

test('a run that is sent again is answered with the same body, and the job is one', async () => {
  const first = await run('same');
  const second = await run('"same"');
  expect([first.status, second.status]).toEqual([202, 202]);
  expect(second.json).toEqual(first.json);
  expect(second.headers.get('location')).toBe(first.headers.get('location'));
  expect(first.headers.get('idempotency-replayed')).toBeNull();
  expect(second.headers.get('idempotency-replayed')).toBe('true');
});

test('what is answered again is the first answer, whatever became of the job meanwhile', async () => {
  const first = await run('moved');
  await gateway.call(first.json.links.cancel, { method: 'POST' });
  expect((await run('moved')).json).toEqual(first.json);
});

test('fifty callers at once with one key get one job or are told to wait', async () => {
  const answers = await Promise.all(Array.from({ length: 50 }, () => run('crowd')));
  const accepted = answers.filter(({ status }) => status === 202);
  const others = answers.filter(({ status }) => status !== 202);
  expect(new Set(accepted.map(({ json }) => json.job_id)).size).toBe(1);
  expect(accepted.filter(({ headers }) => !headers.get('idempotency-replayed')).length).toBe(1);
  for (const { status, json, headers } of others) {
    expect([status, json.code, headers.get('retry-after')]).toEqual([409, 'idempotency_in_flight', '1']);
  }
  expect((await run('crowd')).status).toBe(202);
});

test('a key that comes with another body is 422, and the same key elsewhere is another key', async () => {
  const first = await run('reused');
  const other = await run('reused', { body: '{"tilt_deg": 31}' });
  expect([other.status, other.json.code]).toEqual([422, 'idempotency_key_reused']);
  const elsewhere = await gateway.call(RUN_PATH.replace('d-1', 'd-2'), {
    body: BODY,
    headers: { 'idempotency-key': 'reused' },
  });
  expect(elsewhere.status).toBe(202);
  expect(elsewhere.json.job_id).not.toBe(first.json.job_id);
});

test('an invalid key is 422', async () => {
  for (const key of ['""', 'a b', 'x'.repeat(256)]) {
    const answer = await run(key);
    expect([answer.status, answer.json.errors]).toMatchObject([422, [{ parameter: 'Idempotency-Key' }]]);
  }
});

test('a request that is refused uses up no key', async () => {
  expect((await run('refused', { body: '{"tilt_deg": 91}' })).status).toBe(422);
  expect((await run('refused')).status).toBe(202);
});

test('a record whose job is not there yet is in flight until it is old, and is then completed', async () => {
  await leaveRecord('young', 1_000);
  const young = await run('young');
  expect([young.status, young.json.code]).toEqual([409, 'idempotency_in_flight']);

  const record = await leaveRecord('old', 11_000);
  const completed = await run('old');
  expect([completed.status, completed.json.job_id]).toEqual([202, record.job_id]);
  expect(completed.headers.get('idempotency-replayed')).toBeNull();
  const again = await run('old');
  expect([again.json, again.headers.get('idempotency-replayed')]).toEqual([completed.json, 'true']);
});

test('many who complete the same record make one job', async () => {
  const record = await leaveRecord('orphan', 11_000);
  const answers = await Promise.all(Array.from({ length: 20 }, () => run('orphan')));
  const accepted = answers.filter(({ status }) => status === 202);
  expect(accepted.length).toBeGreaterThan(0);
  for (const { json } of accepted) expect(json.job_id).toBe(record.job_id);
  const events = await gateway.bus.jobs.read({ tenantId: TENANT, jobId: record.job_id });
  expect(events.map(({ event }) => event.type)).toEqual(['JobRequested']);
});

describe('of a job that has left the log, the audit log tells whether it was requested', () => {
  const AGO_MS = 15 * 60_000;

  async function checkAgain(key: string): Promise<void> {
    const { json } = await run(key);
    await expect.poll(() => gateway.bus.audit.version()).toBeGreaterThanOrEqual(json.version);
    await forget(gateway, json.job_id);
    gateway.shiftMs = AGO_MS;
    try {
      const { job_id } = await leaveRecord(`${key}-never-requested`, AGO_MS);
      const accepted = await run(`${key}-never-requested`);
      expect([accepted.status, accepted.json.job_id]).toEqual([202, job_id]);
      expect((await run(key)).json).toEqual(json);
      expect(await gateway.bus.jobs.read({ tenantId: TENANT, jobId: json.job_id })).toEqual([]);
    } finally {
      gateway.shiftMs = 0;
    }
  }

  test('while the read model is away', () => checkAgain('left'));

  test('while the read model is there and has lost the job, as after a restore', async () => {
    await using readModel = openReadModel(gateway);
    await readModel.migrate();
    // The store rests for a while after its failures without a table. Only a row can tell of this job.
    const { json } = await run('told-by-its-row');
    await gateway.call(json.links.cancel, { method: 'POST' });
    await readModel.project(json.job_id);
    await forget(gateway, json.job_id);
    await expect.poll(async () => (await gateway.call(json.links.status)).status).toBe(200);
    await checkAgain('left-and-lost');
  });
});

test('a run that the log refused can be sent again at once', async () => {
  // The gateway looks at the room that there is, and not at the size of one message.
  const limitMessages = async (max_msg_size: number) => {
    const nc = connectionOf(gateway.bus);
    const { config } = (await nc.request('$JS.API.STREAM.INFO.JOBS')).json<{ config: object }>();
    const update = JSON.stringify({ ...config, max_msg_size });
    expect((await nc.request('$JS.API.STREAM.UPDATE.JOBS', update)).json()).not.toHaveProperty('error');
  };
  await limitMessages(50_000);
  const big = { body: JSON.stringify({ tilt_deg: 1, anything: 'x'.repeat(100_000) }) };
  expect((await run('full', big)).json.code).toBe('log_unavailable');
  expect((await run('full', big)).json.code).toBe('log_unavailable');
  await limitMessages(-1);
  const completed = await run('full', big);
  expect([completed.status, completed.headers.get('idempotency-replayed')]).toEqual([202, null]);
  expect((await run('full', big)).json).toEqual(completed.json);
});

test('two ways to write one path are one path to a key', async () => {
  const send = (id: string) =>
    gateway.call(RUN_PATH.replace('d-1', id), { body: BODY, headers: { 'idempotency-key': 'spelled' } });
  const [first, second, other] = [await send('d-1'), await send('d%2D1'), await send('d-2')];
  expect(second.json.job_id).toBe(first.json.job_id);
  expect(second.headers.get('idempotency-replayed')).toBe('true');
  expect(other.json.job_id).not.toBe(first.json.job_id);
});

test('what was accepted is answered again, whatever the contract and the path of the action are by now', async () => {
  const name = 'narrowed';
  const path = RUN_PATH.replace('simulate', name);
  const input_schema = (maximum: number) => ({ type: 'object', properties: { n: { maximum } } });
  const announce = (contract: object) => gateway.announce({ ...SIMULATE, name, ...contract });
  const send = (to: string, key: string, body: unknown = { n: 50 }) =>
    gateway.call(to, { body, headers: { 'idempotency-key': key } });
  await announce({ input_schema: input_schema(100) });
  await expect.poll(async () => (await send(path, 'probe')).status, { timeout: 10_000 }).toBe(202);
  const run = await send(path, 'kept');
  const batchPath = `${path}-batch`;
  const items = { items: [{ n: 50 }, { n: 101 }, { n: 5 }, { n: 7 }] };
  const batch = await send(batchPath, 'kept', items);
  expect(batch.json).toMatchObject({ accepted: 3, rejected: 1 });
  const wrong = await send(batchPath, 'half-wrong', { items: [{ n: 101 }, { n: 50 }] });
  await gateway.call(run.json.links.cancel, { method: 'POST' });
  const retryPath = `${run.json.links.job}/retry`;
  const retry = await send(retryPath, 'kept', {});
  expect(retry.status).toBe(202);

  async function expectSame(refusal: string): Promise<void> {
    await expect
      .poll(async () => (await send(path, `new-${refusal}`)).json.code, { timeout: 10_000 })
      .toBe(refusal);
    for (const [to, first, body] of [
      [path, run, undefined],
      [batchPath, batch, items],
      [batchPath, wrong, { items: [{ n: 101 }, { n: 50 }] }],
      [retryPath, retry, {}],
    ] as const) {
      const key = first === wrong ? 'half-wrong' : 'kept';
      const again = await send(to, key, body);
      expect([again.status, again.headers.get('idempotency-replayed')], again.text).toEqual([202, 'true']);
      if (first === retry) expect(again.json.job_id).toBe(first.json.job_id);
      else if (refusal === 'invalid_input' && first === run) expect(again.json).toEqual(first.json);
      else expect(idsOf(again.json)).toEqual(idsOf(first.json));
    }
    expect((await send(path, 'kept', { n: 51 })).json.code).toBe('idempotency_key_reused');
    expect((await send(retryPath, 'another', {})).json.code).toBe(refusal);
  }
  await announce({ version: '2', input_schema: input_schema(10) });
  await expectSame('invalid_input');
  await announce({ version: '3', resource: 'plans/{plan_id}' });
  await expectSame('unknown_action');
  const moved = await send(path.replace('designs', 'plans'), 'kept');
  expect([moved.headers.get('idempotency-replayed'), moved.json.job_id]).toEqual(['true', run.json.job_id]);

  // Items that would be right by now stay refused.
  await announce({ version: '4', input_schema: input_schema(1_000) });
  await expect
    .poll(async () => (await send(path, 'wider', { n: 1_000 })).status, { timeout: 10_000 })
    .toBe(202);
  const again = await send(batchPath, 'kept', items);
  expect([again.json.accepted, again.json.items[1]]).toEqual([3, { index: 1, errors: [] }]);
});

const idsOf = ({ job_id, items = [] }: { job_id?: string; items?: { job_id?: string }[] }) => [
  job_id,
  ...items.map((item) => item.job_id),
];

test('a batch that was left half done is answered with what there is of it, once nothing of it would be taken', async () => {
  const body = JSON.stringify({ items: [{ tilt_deg: 91 }, { tilt_deg: 92 }] });
  const path = `${RUN_PATH}-batch`;
  const record = {
    job_id: randomUUIDv7(),
    fingerprint: fingerprintOf(placeOf(path), body),
    created_at: new Date(Date.now() - 11_000).toISOString(),
  };
  const bucket = await gateway.bus.buckets.open(BUCKETS.idempotency, IdempotencyRecord);
  const use = { tenantId: TENANT, kind: 'run-batch', place: placeOf(path), key: 'half' };
  await bucket.put(recordNameOf(use), record);
  const { json: model } = await gateway.call(RUN_PATH, { body: BODY });
  const [requested] = await gateway.bus.jobs.read({ tenantId: TENANT, jobId: model.job_id });
  if (requested?.event.type !== 'JobRequested') throw new Error('not a request');
  const { type, data } = requested.event;
  await gateway.append(batchJobId(record.job_id, 1), 0, { type, data });
  const answer = await gateway.call(path, { body, headers: { 'idempotency-key': 'half' } });
  expect([answer.status, answer.json.accepted]).toEqual([202, 1]);
  expect(answer.json.items[0].errors).toMatchObject([{ pointer: '#/tilt_deg', code: 'maximum' }]);
  expect(answer.json.items[1].job_id).toBe(batchJobId(record.job_id, 1));
});
