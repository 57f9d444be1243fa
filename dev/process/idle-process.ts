import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Child, ChildExit } from './supervise.ts';

/** For tests: a real process that only stays alive, with `word` in its command line. */
export async function startIdleProcess(word = 'idle'): Promise<Child & Disposable> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 60_000)', word], { stdio: 'ignore' });
  const exited = new Promise<ChildExit>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  await once(child, 'spawn');
  return {
    pid: child.pid as number,
    exited,
    kill: (signal) => void child.kill(signal),
    async stop() {
      child.kill('SIGTERM');
      await exited;
    },
    [Symbol.dispose]: () => void child.kill('SIGKILL'),
  };
}
