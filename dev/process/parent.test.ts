import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, expect, test } from 'vitest';
import { parentOf } from './processes.ts';

const started: number[] = [];

afterEach(() => {
  for (const pid of started.splice(0)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {}
  }
});

const SCRIPT = `
  import { whenNpmEnds } from ${JSON.stringify(join(import.meta.dirname, 'parent.ts'))};
  setInterval(() => {}, 60_000);
  await whenNpmEnds({ env: process.env, word: 'whenNpmEnds', pollMs: 5 }, () => {
    console.log('npm has ended');
    process.exit();
  });
  console.log(process.pid);`;

/** A process run by a shell that another process has started, as npm does. */
async function startAsNpmDoes(env: Record<string, string>) {
  const shell = `sh -c '"$0" --input-type=module -e "$1"; true' "$0" "$1"; true`;
  const npm = spawn('sh', ['-c', shell, process.execPath, SCRIPT], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said] = (await once(npm.stdout, 'data')) as [Buffer];
  const pid = Number(said);
  const shellPid = await parentOf(pid);
  const npmPid = npm.pid as number;
  started.push(pid, shellPid, npmPid);
  expect(await parentOf(shellPid)).toBe(npmPid);
  return { pid, shellPid, npmPid, rest: text(npm.stdout) };
}

test.each(['npmPid', 'shellPid'] as const)(
  'a process started by npm is told when %s has ended',
  async (which) => {
    const program = await startAsNpmDoes({ npm_lifecycle_event: 'start' });
    process.kill(program[which], 'SIGKILL');
    expect(await program.rest).toBe('npm has ended\n');
  },
);

test('a process not started by npm outlives its starter', async () => {
  const program = await startAsNpmDoes({ npm_lifecycle_event: '' });
  process.kill(program.npmPid, 'SIGKILL');
  process.kill(program.shellPid, 'SIGKILL');
  process.kill(program.pid, 'SIGTERM');
  expect(await program.rest).toBe('');
});
