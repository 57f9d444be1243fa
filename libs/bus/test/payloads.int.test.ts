import { createHash, randomBytes, randomUUIDv7 } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { JobId, type PayloadRef, payloadSubjects } from '@errand/contracts';
import { startTestNats, type TestNats } from '@errand/testkit';
import { jetstreamManager } from '@nats-io/jetstream';
import { Objm } from '@nats-io/obj';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Bus, openBus } from '../src/bus.ts';
import type { PayloadRoom } from '../src/payloads/payload-room.ts';
import type { NewPayload } from '../src/payloads/payloads.ts';
import { connectionOf } from '../src/testing.ts';
import { openTestBus, TOPOLOGY } from './bus.ts';

let nats: TestNats;
let bus: Bus;
beforeAll(async () => {
  nats = await startTestNats();
  bus = await openTestBus(nats.url);
});
afterAll(async () => {
  await bus?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

const STREAM = 'OBJ_payloads';
const MB = 1_048_576;
const put = (body: NewPayload['body'], options: Partial<NewPayload> = {}) =>
  bus.payloads.put({ tenantId: 'acme', jobId: 'j-1', contentType: 'application/pdf', body, ...options });

async function read(ref: PayloadRef): Promise<Buffer> {
  const opened = await bus.payloads.open(ref);
  if (opened.kind === 'gone') throw new Error('gone');
  return buffer(opened.body);
}

async function stored(): Promise<{ messages: number }> {
  const jsm = await jetstreamManager(connectionOf(bus));
  return (await jsm.streams.info(STREAM)).state;
}

async function purge(filter: string, keep = 0): Promise<void> {
  const jsm = await jetstreamManager(connectionOf(bus));
  await jsm.streams.purge(STREAM, { filter, keep });
}

const chunksOf = ({ key }: PayloadRef) =>
  payloadSubjects.chunksOf(`acme.${key.slice(key.lastIndexOf('/') + 1)}`);

describe('a payload', () => {
  test('is read as it was put, whatever its bytes and however they came', async () => {
    const sizes = fc.oneof(fc.nat(20), fc.nat(300_000), fc.integer({ min: 131_070, max: 131_074 }));
    const pieces = fc.array(sizes, { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(pieces, async (lengths) => {
        const given = lengths.map((length) => randomBytes(length));
        const all = Buffer.concat(given);
        const ref = await put(given);
        expect(ref.bytes).toBe(all.length);
        expect(ref.sha256).toBe(createHash('sha256').update(all).digest('hex'));
        expect((await read(ref)).equals(all)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  test('says where it is stored, what it is and what it is called', async () => {
    const ref = await put([Buffer.from('x')], { filename: 'Müller.pdf' });
    expect(ref).toMatchObject({
      bucket: 'payloads',
      content_type: 'application/pdf',
      filename: 'Müller.pdf',
    });
    expect(ref.key).toMatch(/^acme\/j-1\/[0-9a-f-]{36}$/);
  });

  test('is an object to any NATS client', async () => {
    const bytes = randomBytes(300_000);
    const ref = await put([bytes]);
    const store = await new Objm(connectionOf(bus)).open('payloads');
    expect(await store.info(ref.key)).toMatchObject({ size: 300_000, chunks: 3, deleted: false });
    expect(Buffer.from((await store.getBlob(ref.key)) ?? []).equals(bytes)).toBe(true);
  });

  test('is gone once it is deleted, with all its chunks', async () => {
    const before = await stored();
    const ref = await put([randomBytes(200_000)]);
    await bus.payloads.delete(ref);
    expect(await bus.payloads.open(ref)).toEqual({ kind: 'gone' });
    expect((await stored()).messages).toBe(before.messages);
  });

  test('lives as long as the summary that names it', async () => {
    const jsm = await jetstreamManager(connectionOf(bus));
    const { config } = await jsm.streams.info(STREAM);
    expect(config).toMatchObject({ max_age: 7 * 86_400 * 1e9, discard: 'new', num_replicas: 1 });
  });
});

describe('what is not whole is never read as whole:', () => {
  test('a body that fails leaves nothing', async () => {
    const before = await stored();
    async function* body() {
      yield randomBytes(MB);
      throw new Error('the author gave up');
    }
    await expect(put(body())).rejects.toThrow('the author gave up');
    await expect.poll(async () => (await stored()).messages).toBe(before.messages);
  });

  test('a body that is larger than its limit leaves nothing', async () => {
    const before = await stored();
    await expect(put([randomBytes(MB), randomBytes(1)], { maxBytes: MB })).rejects.toMatchObject({
      code: 'payload_too_large',
      retryable: false,
    });
    await expect.poll(async () => (await stored()).messages).toBe(before.messages);
    expect((await put([randomBytes(MB)], { maxBytes: MB })).bytes).toBe(MB);
  });

  test('chunks without a description are no object', async () => {
    const ref = await put([randomBytes(10)]);
    await purge(payloadSubjects.metaOf('>'));
    expect(await bus.payloads.open(ref)).toEqual({ kind: 'gone' });
  });

  test.each([
    ['whose first chunks are gone', 2],
    ['whose chunks are all gone', 0],
  ])('an object %s breaks before its last byte', async (_, keep) => {
    const ref = await put([randomBytes(MB)]);
    if (keep === 0) await purge(chunksOf(ref));
    else await purge(chunksOf(ref), keep);
    await expect(read(ref)).rejects.toMatchObject({ code: 'payload_broken' });
  });

  test('an object with other bytes breaks before its last chunk', async () => {
    const bytes = randomBytes(300_000);
    const ref = { ...(await put([bytes])), sha256: '0'.repeat(64) };
    const opened = await bus.payloads.open(ref);
    if (opened.kind === 'gone') throw new Error('gone');
    let seen = 0;
    const reading = (async () => {
      for await (const chunk of opened.body) seen += chunk.length;
    })();
    await expect(reading).rejects.toMatchObject({ code: 'payload_broken' });
    expect(seen).toBe(2 * 131_072);
  });
});

test('a writer with more than it can send reads no further piece', async () => {
  let given = 0;
  const body = function* () {
    for (; given < 64; given++) yield randomBytes(MB);
  };
  const stop = new AbortController();
  await nats.kill();
  const putting = put(body(), { signal: stop.signal });
  putting.catch(() => {});
  // The chunks in the window are in flight to nobody; the body is asked for the next piece only when a chunk is stored.
  await nats.restart();
  stop.abort(new Error('enough'));
  await expect(putting).rejects.toThrow();
  expect(given).toBeLessThan(4);
});

test('a reader that stops early is sent no more', async () => {
  const ref = await put([randomBytes(40 * MB)]);
  const before = connectionOf(bus).stats().inBytes;
  const opened = await bus.payloads.open(ref);
  if (opened.kind === 'gone') throw new Error('gone');
  for await (const chunk of opened.body) {
    expect(chunk.length).toBe(131_072);
    break;
  }
  expect(connectionOf(bus).stats().inBytes - before).toBeLessThan(3 * MB);
});

test('a store that is full takes nothing, and says so', async () => {
  const jsm = await jetstreamManager(connectionOf(bus));
  const { config } = await jsm.streams.info(STREAM);
  const { state } = await jsm.streams.info(STREAM);
  await jsm.streams.update(STREAM, { ...config, max_bytes: state.bytes + 500_000 });
  await expect(put([randomBytes(MB)])).rejects.toMatchObject({ code: 'log_unavailable', retryable: true });
  await jsm.streams.update(STREAM, config);
  expect((await put([randomBytes(MB)])).bytes).toBe(MB);
});

describe('in a store of 4 MB', () => {
  let small: TestNats;
  let writers: Bus[];
  beforeAll(async () => {
    small = await startTestNats();
    const topology = { ...TOPOLOGY, payloadsMaxBytes: 4 * MB };
    const open = (name: string) => openBus({ servers: small.url, name, topology });
    writers = [await open('a'), await open('b')];
  });
  afterAll(async () => {
    for (const each of writers ?? []) await each[Symbol.asyncDispose]();
    await small?.[Symbol.asyncDispose]();
  });
  afterEach(async () => {
    const jsm = await jetstreamManager(connectionOf(writers[0] as Bus));
    await jsm.streams.purge(STREAM);
  });
  const putBy = (writer: number, tenantId: string, bytes: number, room: PayloadRoom) => {
    const about = { tenantId, jobId: JobId.parse(randomUUIDv7()), contentType: 'application/json', room };
    return (writers[writer] as Bus).payloads.put({ ...about, body: [randomBytes(bytes)] });
  };

  test.each([
    ['', 0],
    [', also by other processes', 1],
  ])('a tenant takes no more than its share%s, and another one has its own', async (_, writer) => {
    const room = { ofTenant: 25 };
    // Of nobody's another test knows anything.
    const [own, other] = [`own-${writer}`, `other-${writer}`];
    const ref = await putBy(writer, own, MB, room);
    expect((await putBy(0, own, 100_000, room)).bytes).toBe(100_000);
    await expect(putBy(0, own, 100_000, room)).rejects.toMatchObject({ code: 'payload_share_used' });
    await expect(putBy(0, other, 2 * MB, room)).rejects.toMatchObject({ code: 'payload_share_used' });
    await putBy(0, other, MB, room);
    const opened = await (writers[0] as Bus).payloads.open(ref);
    expect(opened.kind).toBe('payload');
  });

  test('a tenant of many small objects is refused none while all tenants together take less than its share', async () => {
    const room = { ofTenant: 25 };
    for (let stored = 0; stored < 40; stored++) await putBy(0, 'small', 1_000, room);
    expect((await putBy(1, 'small', 1_000, room)).bytes).toBe(1_000);
  });

  test('a share of the store is left to those who may take all of it', async () => {
    const inputs = { ofTenant: 100, ofAll: 50 };
    await putBy(0, 'a', 2 * MB + 1, { ofTenant: 100 });
    await expect(putBy(1, 'b', 300_000, inputs)).rejects.toMatchObject({ name: 'PayloadsFull' });
    expect((await putBy(1, 'b', MB, { ofTenant: 100 })).bytes).toBe(MB);
  });

  test('what is not stored for want of room leaves nothing', async () => {
    const jsm = await jetstreamManager(connectionOf(writers[0] as Bus));
    await expect(putBy(0, 'c', 2 * MB, { ofTenant: 25 })).rejects.toThrow();
    await expect.poll(async () => (await jsm.streams.info(STREAM)).state.messages).toBe(0);
  });
});
