import { mkdtempDisposable, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startIdleProcess } from '../process/idle-process.ts';
import { commandLine } from '../process/processes.ts';
import { lockFolder } from './folder-lock.ts';

const OWNER_WORD = 'owner-of-this-folder';

const lockOf = async (pid: number) => `${pid}\n${await commandLine(pid)}`;

test('a lock holds the pid of its owner and is gone when released', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'errand-lock-'));
  const lock = await lockFolder(join(dir.path, 'lock'));
  expect(lock.kind).toBe('locked');
  expect(await readFile(join(dir.path, 'lock'), 'utf8')).toBe(await lockOf(process.pid));
  if (lock.kind === 'locked') await lock.release();
  expect(await readdir(dir.path)).toEqual([]);
});

test('the lock of a living owner is respected', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'errand-lock-'));
  using owner = await startIdleProcess(OWNER_WORD);
  await writeFile(join(dir.path, 'lock'), await lockOf(owner.pid));
  expect(await lockFolder(join(dir.path, 'lock'))).toEqual({ kind: 'held', pid: owner.pid });
  expect(await readdir(dir.path)).toEqual(['lock']);
});

test('the lock of a living `npm start` of version 0.1, which holds its pid alone, is respected', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'errand-lock-'));
  using owner = await startIdleProcess('dev/main.ts');
  await writeFile(join(dir.path, 'lock'), String(owner.pid));
  expect(await lockFolder(join(dir.path, 'lock'))).toEqual({ kind: 'held', pid: owner.pid });
});

test.each(['an owner that was killed', 'a stranger that got its pid', 'nobody', 'this process'])(
  'the lock of %s is taken over',
  async (whose) => {
    await using dir = await mkdtempDisposable(join(tmpdir(), 'errand-lock-'));
    using other = await startIdleProcess(whose === 'an owner that was killed' ? OWNER_WORD : 'stranger');
    const pids: Record<string, string> = { nobody: '', 'this process': await lockOf(process.pid) };
    const lockOfOwner = pids[whose] ?? (await lockOf(other.pid)).replace('stranger', OWNER_WORD);
    if (whose === 'an owner that was killed') {
      other.kill('SIGKILL');
      await other.exited;
    }
    await writeFile(join(dir.path, 'lock'), lockOfOwner);
    const lock = await lockFolder(join(dir.path, 'lock'));
    expect(lock.kind).toBe('locked');
    expect(await readFile(join(dir.path, 'lock'), 'utf8')).toBe(await lockOf(process.pid));
    expect(await readdir(dir.path)).toEqual(['lock']);
  },
);
