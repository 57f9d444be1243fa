import { randomBytes } from 'node:crypto';
import type { Action } from '@errand/actions';
import { type BegunAttempt, WorkerLost } from '@errand/actions/execution';
import type { Verdict } from '@errand/bus';

/** Why a worker's attempt is not wanted any more. */
export type StopReason = 'canceled' | 'superseded' | 'timed_out' | 'given_up' | 'worker_lost';

/** What became of an attempt, as its worker reads it; `otherwise`: by another ending, which the worker has told before. */
type Conclusion = 'settled' | 'lost' | 'otherwise';

/** An attempt that a remote worker runs. */
export interface RemoteAttempt {
  /** Names it in the worker's calls; whoever knows it may speak for the attempt. */
  readonly token: string;
  /** As it was when the attempt began; another worker may have announced another one since. */
  readonly action: Action;
  /** Undefined once its `run` has settled: what it was given is large. */
  readonly attempt: BegunAttempt | undefined;
  /** Its worker has been told of it: from now on it may not be silent. */
  handOut(): void;
  /** Its worker is alive. */
  touch(): void;
  /** Keeps it from counting as silent until the function that is returned is called. */
  hold(): () => void;
  /**
   * What its `run` returns or throws. Resolves with whether what followed is in the log. The first ending counts; `told` says
   * whether another one is the same.
   */
  end(outcome: { returned: unknown } | { thrown: unknown }, told: string): Promise<Conclusion>;
  /** Undefined while it is wanted, and after it has ended by itself. */
  stopped(): StopReason | undefined;
  /** Resolves when it is wanted no more, or over, or when the signal fires. */
  untilStopped(signal: AbortSignal): Promise<void>;
}

export interface RemoteAttempts extends Disposable {
  /** An attempt under way, or one that was over less than five minutes ago. */
  find(token: string): RemoteAttempt | undefined;
  /** Has a worker run an attempt: settles with what the worker makes of it. @throws WorkerLost when that is silent */
  run(action: Action, attempt: BegunAttempt, give: (attempt: RemoteAttempt) => void): Promise<unknown>;
  /** Says what followed from a job's attempt. */
  conclude(jobId: string, verdict: Verdict['kind']): void;
  /** How many are under way. */
  running(): number;
}

const REMEMBERED_MS = 300_000;
const MOST_REMEMBERED = 10_000;

/** A worker that says nothing for `silenceMs` is taken for dead. */
export function createRemoteAttempts(silenceMs: number): RemoteAttempts {
  const underWay = new Map<string, Live>();
  const ended = new Map<string, Over>();
  const byJob = new Map<string, Live>();
  const sweep = setInterval(
    () => {
      const nowMs = performance.now();
      for (const live of underWay.values()) live.sweep(nowMs, silenceMs);
      for (const [token, { overAtMs }] of ended) {
        if (nowMs - overAtMs < REMEMBERED_MS && ended.size <= MOST_REMEMBERED) break;
        ended.delete(token);
      }
    },
    Math.min(1_000, silenceMs / 4),
  ).unref();

  return {
    find: (token) => underWay.get(token) ?? ended.get(token),
    async run(action, attempt, give) {
      const live = new Live(action, attempt);
      underWay.set(live.token, live);
      byJob.set(attempt.jobId, live);
      try {
        give(live);
        return await live.returned;
      } finally {
        underWay.delete(live.token);
        ended.set(live.token, live.over());
      }
    },
    conclude(jobId, verdict) {
      byJob.get(jobId)?.conclude(verdict === 'done' ? 'settled' : 'lost');
      byJob.delete(jobId);
    },
    running: () => underWay.size,
    [Symbol.dispose]: () => clearInterval(sweep),
  };
}

interface Over extends RemoteAttempt {
  readonly overAtMs: number;
}

class Live implements RemoteAttempt {
  readonly token = randomBytes(18).toString('base64url');
  readonly action: Action;
  readonly attempt: BegunAttempt;
  readonly returned: Promise<unknown>;
  readonly #run = Promise.withResolvers<unknown>();
  readonly #concluded = Promise.withResolvers<Conclusion>();
  readonly #stopped = Promise.withResolvers<void>();
  #stop: StopReason | undefined;
  #told: string | undefined;
  #seenMs = performance.now();
  /** Its claim has still to be answered. */
  #holds = 1;

  constructor(action: Action, attempt: BegunAttempt) {
    this.action = action;
    this.attempt = attempt;
    this.returned = this.#run.promise;
    const { signal } = attempt;
    const onAbort = () => this.#stopWith(reasonOf(signal.reason));
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  }

  handOut(): void {
    this.#holds--;
    this.touch();
  }

  touch(): void {
    this.#seenMs = performance.now();
  }

  hold(): () => void {
    this.#holds++;
    return () => {
      this.#holds--;
      this.touch();
    };
  }

  async end(outcome: { returned: unknown } | { thrown: unknown }, told: string): Promise<Conclusion> {
    this.#told ??= told;
    if (told !== this.#told) return 'otherwise';
    if ('returned' in outcome) this.#run.resolve(outcome.returned);
    else this.#run.reject(outcome.thrown);
    return this.#concluded.promise;
  }

  stopped(): StopReason | undefined {
    return this.#stop;
  }

  async untilStopped(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    signal.addEventListener('abort', () => resolve(), { once: true });
    await Promise.race([promise, this.#stopped.promise, this.#concluded.promise]);
  }

  /** What is left of it: neither what it was given nor what it has returned. */
  over(): Over {
    const { token, action } = this;
    const { promise: concluded } = this.#concluded;
    const [stop, first] = [this.#stop, this.#told];
    return {
      token,
      action,
      attempt: undefined,
      overAtMs: performance.now(),
      handOut() {},
      touch() {},
      hold: () => () => {},
      end: async (_, told) => (told === first ? concluded : 'otherwise'),
      stopped: () => stop,
      untilStopped: async () => {},
    };
  }

  conclude(conclusion: Conclusion): void {
    this.#concluded.resolve(conclusion);
  }

  sweep(nowMs: number, silenceMs: number): void {
    if (this.#holds > 0 || nowMs - this.#seenMs < silenceMs) return;
    this.#stopWith('worker_lost');
  }

  #stopWith(reason: StopReason): void {
    this.#stop ??= reason;
    this.#stopped.resolve();
    // Nobody waits for it any more, unless the worker is what is gone.
    this.#run.reject(new WorkerLost(reason));
  }
}

function reasonOf(reason: unknown): StopReason {
  return reason === 'canceled' || reason === 'superseded' || reason === 'given_up' ? reason : 'timed_out';
}
