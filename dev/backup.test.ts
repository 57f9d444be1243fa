import { mkdtempDisposable, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { backup } from './backup.ts';
import { startIdleProcess } from './process/idle-process.ts';
import { commandLine } from './process/processes.ts';

test('a folder to which somebody writes a backup is left to them', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'errand-backup-'));
  using other = await startIdleProcess('errand backup');
  await writeFile(join(dir.path, 'lock'), `${other.pid}\n${await commandLine(other.pid)}`);
  const stopped = new AbortController();
  const world = {
    env: { NATS_URL: 'nats://127.0.0.1:1' },
    signal: stopped.signal,
    // Nobody answers there, and a backup would wait.
    say: () => stopped.abort(new Error('it began')),
    stdout: new PassThrough(),
  };
  await expect(backup(dir.path, world)).rejects.toThrow(`process ${other.pid} is writing a backup to`);
  expect(await readdir(dir.path)).toEqual(['lock']);

  other.kill('SIGKILL');
  await other.exited;
  await expect(backup(dir.path, world)).rejects.toThrow('it began');
  expect(await readdir(dir.path)).toEqual([]);
});
