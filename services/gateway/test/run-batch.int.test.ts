import { randomUUIDv7 } from 'node:crypto';
import { BUCKETS, IdempotencyRecord, Problem } from '@errand/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { keyedPlaceOf } from '../src/actions/action-path.ts';
import { batchJobId } from '../src/runs/batch/accept-batch.ts';
import { fingerprintOf, recordNameOf } from '../src/runs/idempotency.ts';
import { RUN_PATH, startTestGateway, TENANT, type TestGateway } from './gateway.ts';

const BATCH_PATH = RUN_PATH.replace(/run$/, 'run-batch');

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway({ maxBatchBodyBytes: 4_000_000 });
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

const runBatch = (items: unknown, options = {}) =>
  gateway.call(BATCH_PATH, { body: JSON.stringify({ items }), ...options });
const right = (tilt_deg: number) => ({ tilt_deg, _job: { metadata: { tilt: String(tilt_deg) } } });

test('each right item becomes a job, each wrong one is told why', async () => {
  const answer = await runBatch([right(1), { tilt_deg: 91, colour: 'red' }, 7, right(2)]);
  expect(answer.status).toBe(202);
  const { accepted, rejected, items } = answer.json;
  expect([accepted, rejected]).toEqual([2, 2]);
  expect(items[1]).toEqual({
    index: 1,
    errors: [
      { pointer: '#/colour', code: 'unknown_property', detail: 'is not a known property' },
      { pointer: '#/tilt_deg', code: 'maximum', detail: 'must be <= 90' },
    ],
  });
  expect(items[2]).toEqual({
    index: 2,
    errors: [{ pointer: '#', code: 'type', detail: 'must be object' }],
  });
  for (const [index, tilt] of [
    [0, '1'],
    [3, '2'],
  ] as const) {
    const { json } = await gateway.call(items[index].links.status);
    expect(json).toMatchObject({ job_id: items[index].job_id, version: items[index].version });
    expect(json.metadata).toEqual({ tilt });
    expect(json.links).toEqual(items[index].links);
  }
});

test('422 when no item is right, with pointers into the batch', async () => {
  const answer = await runBatch([{ tilt_deg: 91 }, { tilt_deg: 1, _job: { priority: 10 } }, null]);
  expect(answer.status).toBe(422);
  const errors = Problem.parse(answer.json).errors?.map(({ pointer, code }) => `${pointer} ${code}`);
  expect(errors).toEqual(['#/items/0/tilt_deg maximum', '#/items/1/_job/priority maximum', '#/items/2 type']);
});

test.each([
  [[], '#/items min_items'],
  [Array.from({ length: 1_001 }, () => right(1)), '#/items max_items'],
  ['x', '#/items type'],
  [undefined, '#/items required'],
])('a batch that is none is 422', async (items, expected) => {
  const answer = await runBatch(items);
  expect([answer.status, answer.json.errors.length]).toEqual([422, 1]);
  expect(`${answer.json.errors[0].pointer} ${answer.json.errors[0].code}`).toBe(expected);
});

test('a thousand items are a thousand jobs', async () => {
  const answer = await runBatch(Array.from({ length: 1_000 }, (_, index) => right(index % 90)));
  expect(answer.json.accepted).toBe(1_000);
  const items: { job_id: string; version: number; links: { status: string } }[] = answer.json.items;
  expect(new Set(items.map(({ job_id }) => job_id)).size).toBe(1_000);
  expect(new Set(items.map(({ version }) => version)).size).toBe(1_000);
  expect((await gateway.call(items[999]?.links.status ?? '')).json.metadata).toEqual({ tilt: '9' });
});

test('an item that is larger than a run may be is told so, and costs the others nothing', async () => {
  const huge = { tilt_deg: 1, anything: 'x'.repeat(2_100_000) };
  const { json } = await runBatch([huge, right(1)]);
  expect(json.items[0]).toMatchObject({ index: 0, errors: [{ pointer: '#', code: 'too_large' }] });
  expect(json).toMatchObject({ accepted: 1, rejected: 1 });
  const tooLarge = await runBatch([huge, huge]);
  expect([tooLarge.status, tooLarge.json.code]).toEqual([413, 'too_large']);
});

test('an item that is nested too deeply is told so', async () => {
  const deep = `{"tilt_deg":1,"anything":${'['.repeat(40_000)}${']'.repeat(40_000)}}`;
  const { json } = await gateway.call(BATCH_PATH, { body: `{"items":[${deep},{"tilt_deg":1}]}` });
  expect(json.items[0]).toMatchObject({ errors: [{ code: 'nested_too_deeply' }] });
  expect(json.accepted).toBe(1);
});

test('validate_only checks and writes nothing', async () => {
  const dry = (items: unknown) =>
    gateway.call(`${BATCH_PATH}?validate_only=true`, { body: JSON.stringify({ items }) });
  const checked = await dry([right(1), right(2)]);
  expect([checked.status, checked.json]).toEqual([200, { valid: true }]);
  const wrong = await dry([right(1), { tilt_deg: 91 }]);
  expect([wrong.status, wrong.json.errors]).toMatchObject([422, [{ pointer: '#/items/1/tilt_deg' }]]);
});

test('a batch that is sent again with its key is answered with the same jobs', async () => {
  const options = { headers: { 'idempotency-key': 'batch' } };
  const items = [right(1), { tilt_deg: 91 }, right(3)];
  const first = await runBatch(items, options);
  const second = await runBatch(items, options);
  expect(second.json).toEqual(first.json);
  expect([first, second].map(({ headers }) => headers.get('idempotency-replayed'))).toEqual([null, 'true']);
  expect((await runBatch([right(1)], options)).json.code).toBe('idempotency_key_reused');
});

test('a batch that was left half done is completed with the very jobs that are missing', async () => {
  const items = [right(1), { tilt_deg: 91 }, right(3), right(4)];
  const text = JSON.stringify({ items });
  const place = keyedPlaceOf(`http://gateway${BATCH_PATH}`);
  const record = {
    job_id: randomUUIDv7(),
    fingerprint: fingerprintOf(place, text),
    created_at: new Date(Date.now() - 11_000).toISOString(),
  };
  const bucket = await gateway.bus.buckets.open(BUCKETS.idempotency, IdempotencyRecord);
  const use = { tenantId: TENANT, kind: 'run-batch', place, key: 'half' };
  await bucket.put(recordNameOf(use), record);
  const { json: model } = await gateway.call(RUN_PATH, { body: right(3) });
  const [modelEvent] = await gateway.bus.jobs.read({ tenantId: TENANT, jobId: model.job_id });
  if (modelEvent?.event.type !== 'JobRequested') throw new Error('not a request');
  const { type, data } = modelEvent.event;
  const done = await gateway.append(batchJobId(record.job_id, 2), 0, { type, data });

  const completed = await runBatch(items, { headers: { 'idempotency-key': 'half' } });
  expect(completed.status).toBe(202);
  expect(completed.json.items.map(({ job_id }: { job_id?: string }) => job_id)).toEqual([
    record.job_id,
    undefined,
    batchJobId(record.job_id, 2),
    batchJobId(record.job_id, 3),
  ]);
  expect(completed.json.items[2].version).toBe(done);
  const again = await runBatch(items, { headers: { 'idempotency-key': 'half' } });
  expect([again.json, again.headers.get('idempotency-replayed')]).toEqual([completed.json, 'true']);
});

test('405 for another method', async () => {
  const answer = await gateway.call(BATCH_PATH);
  expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST']);
});
