import { setTimeout as pause } from 'node:timers/promises';
import type { Db } from '@errand/postgres';
import type { Logger } from '@errand/runtime';
import { type AttemptResult, type DueDelivery, recordAttempts } from '../delivery-rows.ts';
import type { Metrics } from '../metrics.ts';

/** Logs an attempt and counts it. */
export function noteAttempt(
  result: AttemptResult,
  delivery: DueDelivery,
  { log, metrics }: { log: Logger; metrics: Metrics },
): void {
  const outcome = result.state === 'pending' ? 'retry' : result.state;
  log[result.errorCode === null ? 'info' : 'warn'](
    {
      event_id: result.event_id,
      job_id: delivery.job_id,
      tenant_id: delivery.tenant_id,
      endpoint_id: result.endpoint_id,
      attempt: result.attempt,
      trigger: result.trigger,
      status: result.status,
      error_code: result.errorCode,
      duration_ms: Math.round(result.durationMs),
      outcome,
    },
    'webhook_attempted',
  );
  metrics.attempts.observe({ outcome }, result.durationMs / 1_000);
  if (result.errorCode !== null) metrics.failures.inc({ error_code: result.errorCode });
  if (result.state !== 'pending') metrics.ended.inc({ state: result.state });
}

export interface Recorder {
  /** Resolves once the result is durable, however long Postgres is away; rejects if closed before. */
  record(result: AttemptResult): Promise<void>;
  /** Gives up what could not be stored so far. */
  close(): void;
}

interface Waiting {
  result: AttemptResult;
  resolve(): void;
  reject(error: unknown): void;
}

const MAX_BATCH = 200;
const MAX_RETRY_PAUSE_MS = 5_000;

/** Stores results in batches: whatever has come in while the last batch was being stored. */
export function createRecorder(db: Db, onError: (error: unknown) => void): Recorder {
  const waiting: Waiting[] = [];
  const closed = new AbortController();
  let storing = false;

  async function storeAll(): Promise<void> {
    storing = true;
    while (waiting.length > 0) {
      const batch = waiting.splice(0, MAX_BATCH);
      try {
        await store(batch.map(({ result }) => result));
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    storing = false;
  }

  async function store(results: AttemptResult[]): Promise<void> {
    for (let tries = 0; ; tries++) {
      closed.signal.throwIfAborted();
      try {
        return await recordAttempts(db, results);
      } catch (error) {
        onError(error);
        await pause(Math.min(MAX_RETRY_PAUSE_MS, 100 * 2 ** tries), undefined, { signal: closed.signal });
      }
    }
  }

  return {
    record(result) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      waiting.push({ result, resolve, reject });
      if (!storing) void storeAll();
      return promise;
    },
    close: () => closed.abort(),
  };
}
