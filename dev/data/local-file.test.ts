import { mkdtempDisposable, readdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { dataFolderAt, readJson } from './data-folder.ts';
import { createLocalFiles, type LocalFacts, type LocalFile } from './local-file.ts';

const FACTS: LocalFacts = {
  url: 'http://127.0.0.1:8080',
  tenant_id: 'local',
  api_key: 'errand_k',
  admin_key: 'errand_a',
  nats_url: 'nats://127.0.0.1:4222',
  postgres_url: 'postgres://127.0.0.1/errand',
};

test('the file follows the pids, and a server that was not started has none', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'errand-local-'));
  const folder = dataFolderAt(dir.path);
  const pids: Record<string, number> = {
    gateway: 1,
    scheduler: 6,
    executor: 2,
    projection: 3,
    webhooks: 4,
    postgres: 5,
  };
  const files = createLocalFiles(folder, () => pids);
  await files.publish(FACTS);
  pids.gateway = 11;
  files.pidsChanged();
  await files.publish(FACTS);
  const content = await readJson<LocalFile>(folder.localFile);
  const supervisor = process.pid;
  expect(content).toEqual({ ...FACTS, pids: { ...pids, nats: null, supervisor } });
  expect((await stat(folder.localFile)).mode & 0o777).toBe(0o600);
});

test('before the system is ready only the pids are written, and after a removal nothing comes back', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'errand-local-'));
  const folder = dataFolderAt(dir.path);
  const files = createLocalFiles(folder, () => ({ nats: 7 }));
  files.pidsChanged();
  await files.remove();
  expect(await readdir(dir.path)).toEqual([]);
  files.pidsChanged();
  await files.publish(FACTS);
  expect(await readdir(dir.path)).toEqual([]);
});
