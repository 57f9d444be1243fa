import { type AppendOutcome, type AppendRequest, type Lead, type LeadLog, LogUnavailable } from '@errand/bus';
import type { RunTurns } from '../../runs/run-turns.ts';

/** Appends requests of jobs as long as this process leads, many at a time. They wait for their turns like all that is held. */
export interface LedRequests extends RunTurns {
  /** Fires when another process leads. */
  readonly lost: AbortSignal;
  /** Says in the log that this process leads. @throws LogUnavailable */
  say(): Promise<void>;
}

interface Waiting {
  readonly request: AppendRequest;
  readonly settle: PromiseWithResolvers<AppendOutcome>;
}

const BATCH = 100;

export function createLedRequests(log: Pick<LeadLog, 'append' | 'readLead'>, own: Lead): LedRequests {
  let lead = own;
  let waiting: Waiting[] = [];
  let isAtWork = false;
  let saying: PromiseWithResolvers<void> | undefined;
  const lost = new AbortController();

  async function work(): Promise<void> {
    isAtWork = true;
    // Those of the same turn of the event loop go together.
    await Promise.resolve();
    while (waiting.length > 0 || saying) {
      const batch = waiting.slice(0, BATCH);
      const said = saying;
      waiting = waiting.slice(BATCH);
      saying = undefined;
      await appendAll(batch).then(said?.resolve, (error) => {
        said?.reject(error);
        for (const { settle } of batch) settle.reject(error);
      });
    }
    isAtWork = false;
  }

  /** One without requests says who leads, and nothing else. */
  async function appendAll(batch: readonly Waiting[]): Promise<void> {
    if (lost.signal.aborted) throw new LogUnavailable('another gateway leads the schedules');
    const outcome = await log.append(
      lead,
      batch.map(({ request }) => request),
    );
    if (outcome.kind === 'appended') {
      lead = outcome.lead;
      for (const [index, { settle }] of batch.entries()) {
        settle.resolve({ kind: 'appended', version: lead.version + 1 + index });
      }
      return;
    }
    const newest = await log.readLead();
    if (newest?.leaderId !== own.leaderId) lost.abort();
    else lead = newest;
    if (outcome.kind === 'unknown' || lost.signal.aborted) {
      throw new LogUnavailable('whether the jobs of schedules were requested is not known');
    }
    const [only] = batch;
    // It may be there already, or what was last said of the lead is only now in the log: whoever asks again looks for it first.
    if (batch.length === 1) only?.settle.reject(new LogUnavailable('a request was refused'));
    // Of several, one by one tells which of them was.
    else for (const each of batch) await appendAll([each]);
  }

  function append(request: AppendRequest): Promise<AppendOutcome> {
    const settle = Promise.withResolvers<AppendOutcome>();
    waiting.push({ request: { ...request, lane: 'held' }, settle });
    if (!isAtWork) void work();
    return settle.promise;
  }

  return {
    lost: lost.signal,
    say() {
      saying ??= Promise.withResolvers();
      const { promise } = saying;
      if (!isAtWork) void work();
      return promise;
    },
    append,
    appendBatch: (requests) => Promise.all(requests.map(append)),
  };
}
