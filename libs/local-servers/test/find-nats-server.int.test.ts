import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { findNatsServer } from '../src/nats/find-nats-server.ts';

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'errand-find-'));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(dir, { recursive: true });
});

async function fakeServer(version: string): Promise<string> {
  const path = join(dir, 'nats-server');
  await writeFile(path, `#!/bin/sh\necho "nats-server: v${version}"\n`);
  await chmod(path, 0o755);
  return path;
}

test('a server that is new enough is found', async () => {
  expect(await findNatsServer()).toMatchObject({ version: expect.stringMatching(/^\d+\.\d+\.\d+/) });
});

test('callers at the same time share one search', async () => {
  const search = findNatsServer();
  expect(findNatsServer()).toBe(search);
  await search;
});

test('NATS_SERVER_BIN comes before everything else', async () => {
  const path = await fakeServer('2.99.0');
  vi.stubEnv('NATS_SERVER_BIN', path);
  expect(await findNatsServer()).toEqual({ path, version: '2.99.0', source: 'NATS_SERVER_BIN' });
});

test('a chosen server that is too old is refused with its reason, and no other is used', async () => {
  vi.stubEnv('NATS_SERVER_BIN', await fakeServer('2.10.27'));
  await expect(findNatsServer()).rejects.toMatchObject({
    code: 'nats_server_not_found',
    message: expect.stringContaining('is 2.10.27, older than 2.12.0'),
  });
});

test('PATH comes before the cache', async () => {
  const path = await fakeServer('2.98.0');
  vi.stubEnv('PATH', `${dir}:${process.env.PATH}`);
  expect(await findNatsServer()).toEqual({ path, version: '2.98.0', source: 'PATH' });
});
