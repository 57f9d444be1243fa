import { brotliCompressSync } from 'node:zlib';
import { Hono } from 'hono';
import { expect, test } from 'vitest';
import { answerStored } from './answer-stored.ts';
import type { Env } from './request-log.ts';

test('a file is made plain once, however many callers take no brotli', async () => {
  const file = { compressed: brotliCompressSync('hello'), type: 'text/plain', isForEver: true };
  const app = new Hono<Env>().get('/', (c) => answerStored(c, file));
  const ask = async (coding: string) =>
    app.request('/', { headers: { 'accept-encoding': coding } }, { requestId: 'r-1' });
  const coded = await ask('gzip, br');
  expect(coded.headers.get('content-encoding')).toBe('br');
  expect(Buffer.from(await coded.arrayBuffer())).toEqual(file.compressed);
  expect(await (await ask('gzip')).text()).toBe('hello');
  // Whoever makes it plain again finds nothing.
  file.compressed.fill(0);
  for (const coding of ['', 'br;q=0']) expect(await (await ask(coding)).text()).toBe('hello');
});
