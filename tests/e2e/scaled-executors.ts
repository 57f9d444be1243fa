import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** What `GET /admin/stats` says of an action, as far as an autoscaler and the test need it. */
export interface Demand {
  readonly queued: number;
  readonly running: number;
  readonly due_within_60s: number;
  readonly slots: number;
  readonly wanted: number;
}

/** How many copies there were of the executor once an answer was acted upon. */
export interface Look {
  readonly atMs: number;
  readonly demand: Demand;
  readonly before: number;
  readonly copies: number;
}

/** Copies of an executor, each a process, as many as somebody wants. */
export interface ScaledExecutors extends AsyncDisposable {
  readonly copies: number;
  /** Starts what is missing, and ends by SIGTERM what is too many, without waiting for it. */
  scaleTo(copies: number): void;
}

const MAIN = join(import.meta.dirname, '..', '..', 'services', 'executor', 'src', 'main.ts');

/** A process of its own. */
export function startExecutorCopy(env: Readonly<Record<string, string>>): ChildProcess {
  return spawn(process.execPath, [MAIN], {
    env: { PATH: process.env.PATH, ERRAND_OPS_PORT: '0', ERRAND_HOST: '127.0.0.1', ...env },
    stdio: 'inherit',
  });
}

export function createScaledExecutors(env: Readonly<Record<string, string>>): ScaledExecutors {
  const copies: ChildProcess[] = [];
  const ends = new Set<Promise<unknown>>();

  function start(): void {
    const child = startExecutorCopy(env);
    const gone = once(child, 'exit').finally(() => ends.delete(gone));
    ends.add(gone);
    copies.push(child);
  }

  return {
    get copies() {
      return copies.length;
    },
    scaleTo(wanted) {
      while (copies.length < wanted) start();
      for (const child of copies.splice(wanted)) child.kill('SIGTERM');
    },
    async [Symbol.asyncDispose]() {
      for (const child of copies.splice(0)) child.kill('SIGTERM');
      await Promise.all(ends);
    },
  };
}

/**
 * Does what KEDA makes of its `metrics-api` trigger: a copy for each `slots` that are wanted, up to `most`, and none where
 * nothing is. It has no cooldown, so no copy is left by chance.
 */
export function createAutoscaler(
  executors: ScaledExecutors,
  options: { slots: number; most: number; ask: () => Promise<Demand> },
) {
  const looks: Look[] = [];
  return {
    looks,
    async look(): Promise<Look> {
      const demand = await options.ask();
      const before = executors.copies;
      executors.scaleTo(Math.min(options.most, Math.ceil(demand.wanted / options.slots)));
      const look = { atMs: Date.now(), demand, before, copies: executors.copies };
      looks.push(look);
      return look;
    },
  };
}
