import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { freePort } from '@errand/local-servers';
import { waitUntil } from './wait-until.ts';

export interface TestScheduler extends AsyncDisposable {
  readonly opsPort: number;
  /** Ends the process by SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** Stops the process where it is, by SIGSTOP, */
  suspend(): void;
  /** and lets it go on. */
  resume(): void;
  /** Whether it gives jobs their turns. */
  isLeading(): Promise<boolean>;
  /** How many jobs it knows of that wait for their turn. */
  heldJobs(): Promise<number>;
}

const MAIN = join(import.meta.dirname, '..', '..', '..', 'services', 'scheduler', 'src', 'main.ts');
const READY_MS = 60_000;

/** A scheduler in its own process, for executors of a test to announce themselves to; ready when this resolves. */
export async function startTestScheduler(
  natsUrl: string,
  env: Record<string, string> = {},
): Promise<TestScheduler> {
  const opsPort = await freePort();
  const child = spawn(process.execPath, [MAIN], {
    env: {
      PATH: process.env.PATH,
      NATS_URL: natsUrl,
      ERRAND_HOST: '127.0.0.1',
      ERRAND_OPS_PORT: String(opsPort),
      ERRAND_LOG_LEVEL: 'silent',
      ...env,
    },
    stdio: 'ignore',
  });
  const gone = once(child, 'exit');
  const killWithThisProcess = () => child.kill('SIGKILL');
  process.once('exit', killWithThisProcess);
  child.once('exit', () => process.off('exit', killWithThisProcess));
  async function end(signal: NodeJS.Signals): Promise<void> {
    child.kill(signal);
    // One that is suspended ends once it goes on.
    child.kill('SIGCONT');
    await gone;
  }
  async function gauge(name: string): Promise<number> {
    const metrics = await (await fetch(`http://127.0.0.1:${opsPort}/metrics`)).text();
    return Number(new RegExp(`^${name}{.*} (\\d+)$`, 'm').exec(metrics)?.[1]);
  }
  const isReady = async () => (await fetch(`http://127.0.0.1:${opsPort}/readyz`)).ok;
  await waitUntil(isReady, { timeoutMs: READY_MS, intervalMs: 20 }).catch(async (error) => {
    await end('SIGKILL');
    throw error;
  });
  return {
    opsPort,
    kill: () => end('SIGKILL'),
    suspend: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    isLeading: async () => (await gauge('errand_turns_leader')) === 1,
    heldJobs: () => gauge('errand_held_jobs'),
    [Symbol.asyncDispose]: () => end('SIGTERM'),
  };
}
