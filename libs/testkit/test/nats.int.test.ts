import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestNats, type TestNats } from '../src/nats.ts';
import { rawNatsRequest } from '../src/raw-nats.ts';

let nats: TestNats;

beforeAll(async () => {
  nats = await startTestNats();
});

afterAll(async () => {
  await nats[Symbol.asyncDispose]();
});

test('acknowledged messages survive kill -9', async () => {
  await rawNatsRequest(nats.url, '$JS.API.STREAM.CREATE.KEPT', { name: 'KEPT', subjects: ['kept'] });
  expect(await rawNatsRequest(nats.url, 'kept', 'one')).toMatchObject({ stream: 'KEPT', seq: 1 });
  expect(await rawNatsRequest(nats.url, 'kept', 'two')).toMatchObject({ stream: 'KEPT', seq: 2 });
  await nats.kill();
  await expect(rawNatsRequest(nats.url, 'kept', 'three')).rejects.toThrow();
  await nats.restart();
  expect(await rawNatsRequest(nats.url, '$JS.API.STREAM.INFO.KEPT')).toMatchObject({
    state: { messages: 2 },
  });
});

test('a restart of a running server keeps its messages', async () => {
  await nats.restart();
  expect(await rawNatsRequest(nats.url, 'kept', 'three')).toMatchObject({ seq: 3 });
});

test('messages up to 2 MiB are accepted', async () => {
  expect(await rawNatsRequest(nats.url, 'kept', 'x'.repeat(2 * 1024 * 1024))).toMatchObject({ seq: 4 });
});
