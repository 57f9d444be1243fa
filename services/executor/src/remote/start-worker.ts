import { setTimeout as pause } from 'node:timers/promises';
import type { Action } from '@errand/actions';
import { type AttemptHooks, type AttemptOutcome, ResultNotStored } from '@errand/actions/execution';
import type { Logger } from '@errand/runtime';
import { type AttemptRunner, createAttemptRunner } from '../isolation/attempt-runner.ts';
import type { OnStray } from '../isolation/guard-process.ts';
import { type AttemptReports, createAttemptReports } from './attempt-reports.ts';
import { createWorkerClient, Refused, type WorkerClient } from './worker-client.ts';
import type { ClaimedAttempt } from './worker-routes.ts';

export interface WorkerOptions {
  readonly actions: readonly Action[];
  /** Of an executor with ERRAND_WORKERS_PORT, or of what is before several. */
  readonly url: string;
  readonly key: string;
  readonly log: Logger;
  readonly onStray: OnStray;
  /** How long a stop lets attempts finish before it gives their jobs back. */
  readonly finishGraceMs: number;
  /** For what only a new start mends, such as a key that is none. */
  readonly fail: (error: unknown) => void;
}

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;
/** How often an ending is told before the attempt is left to be missed. */
const MOST_TELLINGS = 8;

type Outcome = AttemptOutcome | { kind: 'interrupted' };

/**
 * Runs actions for an executor that is reached by HTTP alone, until disposed: then what runs may end, and is given back
 * otherwise. It needs no NATS.
 */
export function startWorker(options: WorkerOptions): AsyncDisposable {
  const { actions, log, finishGraceMs, fail } = options;
  const client = createWorkerClient(options);
  const stopping = new AbortController();
  const givingUp = new AbortController();
  const serving = actions.map((action) => serveAction(action).catch(fail));

  async function serveAction(action: Action): Promise<void> {
    const runner = createAttemptRunner(action, { onStray: options.onStray });
    const { name } = action.contract;
    const working = new Set<Promise<void>>();
    let change = Promise.withResolvers<void>();
    let announced: Awaited<ReturnType<WorkerClient['announce']>> | undefined;
    let failures = 0;
    stopping.signal.addEventListener('abort', () => change.resolve(), { once: true });
    while (!stopping.signal.aborted) {
      const slots = action.concurrency - working.size;
      if (slots <= 0) {
        change = Promise.withResolvers();
        await change.promise;
        continue;
      }
      try {
        if (!announced) {
          announced = await client.announce(action);
          log.info({ action: name, contract_id: announced.contractId }, 'action_announced');
        }
        const { contractId, silenceMs } = announced;
        for (const claimed of await client.claim({ action: name, contractId, slots }, stopping.signal)) {
          const work = runClaimed(claimed, { action, runner, silenceMs }).finally(() => {
            working.delete(work);
            change.resolve();
          });
          working.add(work);
        }
        failures = 0;
      } catch (error) {
        if (stopping.signal.aborted) break;
        // The process that knew it may have been replaced.
        if (error instanceof Refused && error.code === 'unknown_action') announced = undefined;
        else if (error instanceof Refused && !error.passes) throw error;
        log.warn({ err: error, action: name }, 'executor_not_reached');
        await pause(pauseMs(failures++), undefined, { signal: stopping.signal }).catch(() => {});
      }
    }
    await Promise.all(working);
    await runner[Symbol.asyncDispose]();
  }

  async function runClaimed(
    claimed: ClaimedAttempt,
    { action, runner, silenceMs }: { action: Action; runner: AttemptRunner; silenceMs: number },
  ): Promise<void> {
    const { token } = claimed;
    const about = { job_id: claimed.job_id, tenant_id: claimed.tenant_id, action: claimed.action };
    const attemptLog = log.child({ ...about, attempt: claimed.attempt });
    const stop = new AbortController();
    const over = new AbortController();
    const onGiveUp = () => stop.abort('given_up');
    givingUp.signal.addEventListener('abort', onGiveUp, { once: true });
    if (givingUp.signal.aborted) onGiveUp();
    const reports = createAttemptReports(client, token);
    const beating = beat(token, { stop, over: over.signal, silenceMs });
    try {
      const hooks = hooksOf(token, stop.signal, { reports, write: attemptLog.info.bind(attemptLog) });
      const outcome = await runner.run(orderOf(claimed), hooks);
      const cause = outcome.kind === 'failed' ? outcome.cause : undefined;
      attemptLog.info(
        { outcome: outcome.kind === 'failed' ? outcome.error.code : outcome.kind, cause },
        'attempt_ended',
      );
      const told = endingOf(outcome, { reason: stop.signal.reason, returnsFile: action.returnsFile });
      await reports.sent();
      if (told) await tellEnding(token, told);
    } catch (err) {
      attemptLog.error({ err }, 'attempt_not_told');
    } finally {
      over.abort();
      await beating;
      givingUp.signal.removeEventListener('abort', onGiveUp);
    }
  }

  /** Says that the attempt is at work, and stops it when nobody wants it. */
  async function beat(
    token: string,
    { stop, over, silenceMs }: { stop: AbortController; over: AbortSignal; silenceMs: number },
  ): Promise<void> {
    const waitMs = Math.min(30_000, silenceMs / 3);
    for (let failures = 0; !over.aborted && !stop.signal.aborted; ) {
      try {
        const reason = await client.heartbeat(token, waitMs, over);
        failures = 0;
        if (reason !== undefined) stop.abort(reason);
      } catch (error) {
        if (over.aborted) return;
        if (error instanceof Refused && !error.passes) return stop.abort('superseded');
        await pause(pauseMs(failures++), undefined, { signal: over }).catch(() => {});
      }
    }
  }

  function hooksOf(
    token: string,
    signal: AbortSignal,
    { reports, write }: { reports: AttemptReports; write: Logger['info'] },
  ): AttemptHooks {
    return {
      signal,
      progress: reports.progress,
      log(message, fields) {
        write(fields ?? {}, message);
        reports.log(message, fields);
      },
      output: reports.output,
      async saveResult(file) {
        try {
          const saved = await client.sendFile(token, file);
          // The executor knows where it is; here it only has to be told from others.
          return { bucket: 'remote', key: token, content_type: file.contentType, ...saved };
        } catch (error) {
          throw new ResultNotStored('the file was not taken', { cause: error });
        }
      },
      readResult: () => Promise.reject(new Error('a remote worker cannot read results of other jobs')),
      callbackUrl: () => Promise.reject(new Error('a remote worker cannot wait for a call')),
    };
  }

  async function tellEnding(token: string, { what, body }: Ending): Promise<void> {
    for (let tries = 0; ; tries++) {
      try {
        return await client.tell(token, what, body);
      } catch (error) {
        if (error instanceof Refused && !error.passes) {
          // Over, or told before by a request whose answer was lost.
          if (error.code === 'attempt_over' || error.code === 'invalid_result') return;
          throw error;
        }
        if (tries >= MOST_TELLINGS) throw error;
        await pause(pauseMs(tries));
      }
    }
  }

  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      const patience = setTimeout(() => givingUp.abort(), finishGraceMs);
      await Promise.all(serving);
      clearTimeout(patience);
      await client.close();
    },
  };
}

interface Ending {
  readonly what: 'succeed' | 'retry' | 'fail' | 'release';
  readonly body: unknown;
}

/** What the executor is told of an attempt; undefined where it knows. */
function endingOf(
  outcome: Outcome,
  { reason, returnsFile }: { reason: unknown; returnsFile: boolean },
): Ending | undefined {
  switch (outcome.kind) {
    case 'succeeded':
      if (returnsFile) return { what: 'succeed', body: {} };
      return {
        what: 'succeed',
        body: outcome.json === undefined ? {} : { result: JSON.parse(outcome.json) },
      };
    case 'interrupted':
      return reason === 'given_up' ? { what: 'release', body: {} } : undefined;
    case 'deferred':
    case 'awaits_call':
      return { what: 'retry', body: { cause: 'a remote worker cannot defer' } };
    case 'failed': {
      const { error, permanent, cause, retryAfterMs } = outcome;
      const { code, message, details = [] } = error;
      if (permanent) return { what: 'fail', body: { code, message, details, cause } };
      const after_s = retryAfterMs === undefined ? undefined : retryAfterMs / 1_000;
      return { what: 'retry', body: { cause: cause ?? `${code}: ${message}`, after_s } };
    }
  }
}

function orderOf(claimed: ClaimedAttempt): Parameters<AttemptRunner['run']>[0] {
  const { job_id: jobId, tenant_id: tenantId, attempt, input, resource, metadata, traceparent } = claimed;
  return { jobId, tenantId, attempt, input, resource, metadata, traceparent };
}

function pauseMs(failures: number): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures) * (0.5 + Math.random() / 2);
}
