import { isRunning, parentOf, runsWith } from './processes.ts';

const POLL_MS = 250;

/**
 * Calls `onEnded` once the npm that started this process has ended; does nothing if npm did not start it. npm passes a
 * signal on to its shell, which passes nothing on, so stopping npm would leave the system running. `word` is in the
 * command line of this process, and so in that of npm's shell. Resolves with the way to stop watching.
 */
export async function whenNpmEnds(
  options: { env: NodeJS.ProcessEnv; word: string; pollMs?: number },
  onEnded: () => void,
): Promise<() => void> {
  const { env, word, pollMs = POLL_MS } = options;
  if (!env.npm_lifecycle_event) return () => {};
  const parent = process.ppid;
  // A shell that runs one command may have replaced itself with it: then npm is the parent itself.
  const isShell = await runsWith(parent, word);
  const npm = isShell ? await parentOf(parent) : parent;
  const timer = setInterval(() => {
    if (process.ppid === parent && (npm === 0 || isRunning(npm))) return;
    clearInterval(timer);
    onEnded();
  }, pollMs);
  timer.unref();
  return () => clearInterval(timer);
}
