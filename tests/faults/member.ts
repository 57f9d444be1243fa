import { setTimeout as sleep } from 'node:timers/promises';
import { waitUntil } from '@errand/testkit';
import { type ServiceProcess, startService } from '../../dev/process/service-process.ts';
import type { Absence } from './takeovers.ts';

/** A process that is restarted whenever it ends, until disposed of. */
export interface Member extends AsyncDisposable {
  readonly name: string;
  /** Undefined between an end and the next start. */
  readonly pid: number | undefined;
  /** How often it was restarted. */
  readonly restarts: number;
  /** Ends that were not by SIGKILL: nobody here caused them. */
  readonly falls: readonly string[];
  /** Periods in which one of its processes was paused, and the times since which one has been dead. */
  readonly absences: readonly Absence[];
  /** Whether it runs and is not paused. */
  isActive(): boolean;
  kill(): void;
  /** Suspends it by SIGSTOP. */
  pause(): void;
  /** Resumes it; harmless if it is not paused. */
  resume(): void;
  /** Asks it to end by SIGTERM. */
  terminate(): void;
  /** Resolves when it reports that it can do its work. Rejects with the end of its log if it does not within 60 s. */
  ready(): Promise<void>;
}

export interface MemberOptions {
  readonly name: string;
  readonly mainFile: string;
  readonly env: Record<string, string>;
  /** Without one it is ready at once. */
  readonly readyUrl?: string;
  readonly logFile: string;
}

const READY_MS = 60_000;
const SHORT_LIFE_MS = 1_000;
const PAUSE_AFTER_SHORT_LIFE_MS = 250;

/** Starts a process and keeps it running; see ready(). */
export function startMember(options: MemberOptions): Member {
  const { name } = options;
  const stopping = new AbortController();
  const falls: string[] = [];
  const absences: Absence[] = [];
  let child: ServiceProcess | undefined;
  let latest: ServiceProcess | undefined;
  let pausedAtMs: number | undefined;
  let restarts = -1;

  async function keepRunning(): Promise<void> {
    while (!stopping.signal.aborted) {
      const beganMs = performance.now();
      const started = await startService(options);
      child = started;
      latest = started;
      pausedAtMs = undefined;
      restarts += 1;
      // An aborted run must not leave processes behind.
      const killWithThisProcess = () => started.kill('SIGKILL');
      process.once('exit', killWithThisProcess);
      if (stopping.signal.aborted) started.kill('SIGKILL');
      const { code, signal } = await started.exited;
      process.off('exit', killWithThisProcess);
      child = undefined;
      const { pid } = started;
      absences.push({ pid, fromMs: pausedAtMs ?? Date.now(), toMs: Number.POSITIVE_INFINITY });
      if (stopping.signal.aborted) return;
      if (signal !== 'SIGKILL') falls.push(`${name}: ${signal ?? `code ${code}`}`);
      if (performance.now() - beganMs < SHORT_LIFE_MS) await sleep(PAUSE_AFTER_SHORT_LIFE_MS);
    }
  }
  const running = keepRunning();

  return {
    name,
    falls,
    absences,
    get pid() {
      return child?.pid;
    },
    get restarts() {
      return restarts;
    },
    isActive: () => child !== undefined && pausedAtMs === undefined,
    kill: () => child?.kill('SIGKILL'),
    terminate: () => child?.kill('SIGTERM'),
    pause() {
      child?.kill('SIGSTOP');
      pausedAtMs = Date.now();
    },
    resume() {
      child?.kill('SIGCONT');
      if (child && pausedAtMs !== undefined) {
        absences.push({ pid: child.pid, fromMs: pausedAtMs, toMs: Date.now() });
      }
      pausedAtMs = undefined;
    },
    async ready() {
      const { readyUrl } = options;
      if (readyUrl === undefined) return;
      const isReady = async () => (await fetch(readyUrl, { signal: AbortSignal.timeout(1_000) })).ok;
      try {
        await waitUntil(isReady, { timeoutMs: READY_MS });
      } catch (error) {
        const said = (await latest?.logged()) ?? '';
        throw new Error(`${name} is not ready; it said:\n${said.slice(-4_000)}`, { cause: error });
      }
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      child?.kill('SIGCONT');
      await child?.stop();
      await running;
    },
  };
}
