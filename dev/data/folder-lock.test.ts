import { mkdtempDisposable, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startIdleProcess } from '../process/idle-process.ts';
import { lockFolder } from './folder-lock.ts';

const OWNER_WORD = 'owner-of-this-folder';

test('a lock holds the pid of its owner and is gone when released', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'errand-lock-'));
  const lock = await lockFolder(join(dir.path, 'lock'), OWNER_WORD);
  expect(lock.kind).toBe('locked');
  expect(await readFile(join(dir.path, 'lock'), 'utf8')).toBe(String(process.pid));
  if (lock.kind === 'locked') await lock.release();
  expect(await readdir(dir.path)).toEqual([]);
});

test('the lock of a living owner is respected', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'errand-lock-'));
  using owner = await startIdleProcess(OWNER_WORD);
  await writeFile(join(dir.path, 'lock'), String(owner.pid));
  expect(await lockFolder(join(dir.path, 'lock'), OWNER_WORD)).toEqual({ kind: 'held', pid: owner.pid });
  expect(await readdir(dir.path)).toEqual(['lock']);
});

test.each(['an owner that was killed', 'a stranger that got its pid', 'nobody', 'this process'])(
  'the lock of %s is taken over',
  async (whose) => {
    await using dir = await mkdtempDisposable(join(tmpdir(), 'errand-lock-'));
    using other = await startIdleProcess(whose === 'an owner that was killed' ? OWNER_WORD : 'stranger');
    if (whose === 'an owner that was killed') {
      other.kill('SIGKILL');
      await other.exited;
    }
    const pids: Record<string, string> = { nobody: '', 'this process': String(process.pid) };
    await writeFile(join(dir.path, 'lock'), pids[whose] ?? String(other.pid));
    const lock = await lockFolder(join(dir.path, 'lock'), OWNER_WORD);
    expect(lock.kind).toBe('locked');
    expect(await readFile(join(dir.path, 'lock'), 'utf8')).toBe(String(process.pid));
    expect(await readdir(dir.path)).toEqual(['lock']);
  },
);
