import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { dataFolderAt, makeDataFolder, writeJson } from '../data/data-folder.ts';
import { sourceMainFile } from '../repository.ts';
import { startIdleProcess } from './idle-process.ts';
import { stopOrphans } from './orphans.ts';
import { runsWith } from './processes.ts';

test('processes that a killed supervisor left are stopped, and a stranger with one of their pids is not', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'errand-orphans-'));
  const folder = dataFolderAt(dir.path);
  await makeDataFolder(folder);
  using nats = await startIdleProcess(join(folder.natsDir, 'nats.conf'));
  using gateway = await startIdleProcess(sourceMainFile('gateway'));
  using stranger = await startIdleProcess('stranger');
  await writeJson(folder.pidsFile, { nats: nats.pid, gateway: gateway.pid, executor: stranger.pid });
  const lines: string[] = [];
  await stopOrphans(folder, sourceMainFile, (line) => lines.push(line));
  expect(await Promise.all([nats.exited, gateway.exited])).toHaveLength(2);
  expect(lines.map((line) => line.split(' ')[0])).toEqual(['gateway', 'nats']);
  expect(await runsWith(stranger.pid, 'stranger')).toBe(true);
});

test('a folder without a past has no orphans', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'errand-orphans-'));
  await stopOrphans(dataFolderAt(dir.path), sourceMainFile, () => expect.unreachable());
});
