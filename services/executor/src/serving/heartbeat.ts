import type { Bus } from '@errand/bus';
import {
  BUCKETS,
  EXECUTOR_ALIVE_MS,
  EXECUTOR_PROTOCOL,
  ExecutorHeartbeat,
  executorToken,
} from '@errand/contracts';
import { type Logger, repeat } from '@errand/runtime';

export interface Heartbeat {
  /** Tells at once what has changed. */
  beat(): Promise<void>;
  /** Says that this executor takes no more work. */
  stop(): Promise<void>;
}

/** Tells every third of the time after which an executor is taken for dead that this one lives, and what it serves. */
export async function startHeartbeat(options: {
  bus: Pick<Bus, 'buckets'>;
  executorId: string;
  version: string;
  contracts: () => ExecutorHeartbeat['contracts'];
  now: () => number;
  log: Logger;
}): Promise<Heartbeat> {
  const { bus, executorId, version, contracts, now, log } = options;
  const bucket = await bus.buckets.open(BUCKETS.executors, ExecutorHeartbeat);
  const key = executorToken(executorId);
  const startedAt = new Date(now()).toISOString();
  const stopped = new AbortController();

  async function beat(): Promise<void> {
    if (stopped.signal.aborted) return;
    await bucket
      .put(key, {
        executor_id: executorId,
        protocol: EXECUTOR_PROTOCOL,
        version,
        started_at: startedAt,
        contracts: contracts(),
      })
      .catch((err) => log.warn({ err }, 'heartbeat_not_written'));
  }
  const beating = repeat(beat, { everyMs: EXECUTOR_ALIVE_MS / 3, signal: stopped.signal, onError: () => {} });
  return {
    beat,
    async stop() {
      stopped.abort();
      await beating;
      await bucket.delete(key).catch(() => {});
    },
  };
}
