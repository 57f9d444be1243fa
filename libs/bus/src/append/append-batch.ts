import { randomUUID } from 'node:crypto';
import { eventSubject } from '@errand/contracts';
import type { MsgHdrs, NatsConnection } from '@nats-io/transport-node';
import { encodeEvent } from '../read/event-codec.ts';
import { type Appender, type AppendOutcome, type AppendRequest, guardOf } from './append.ts';

export interface BatchAppender {
  /**
   * Appends events of different jobs: all at once if the server can, else one by one, each under the guard of its job.
   * The outcomes are in the order of the requests.
   * @throws LogUnavailable when the outcome of any of them is unknown. Appending the same events again settles that.
   * @throws EventTooLarge
   */
  appendBatch(requests: readonly AppendRequest[]): Promise<AppendOutcome[]>;
}

/** The most messages that a server takes in one atomic batch (ADR-50). */
const MAX_BATCH = 1_000;
const STEP_TIMEOUT_MS = 3_000;

/**
 * A batch that fails as a whole – a guard that does not hold, too many batches at once, no answer – is not examined
 * further: appending its events one by one gives the outcome of each, even if the batch was stored after all.
 */
export function createBatchAppender(nc: NatsConnection, append: Appender['append']): BatchAppender {
  return {
    async appendBatch(requests) {
      const outcomes: AppendOutcome[] = [];
      for (let from = 0; from < requests.length; from += MAX_BATCH) {
        const chunk = requests.slice(from, from + MAX_BATCH);
        const versions = chunk.length > 1 ? await appendAtomically(nc, chunk) : undefined;
        const settled = versions?.map((version): AppendOutcome => ({ kind: 'appended', version }));
        outcomes.push(...(settled ?? (await Promise.all(chunk.map(append)))));
      }
      return outcomes;
    },
  };
}

/** The versions that the events were stored under, or undefined when the batch failed or got no answer. */
async function appendAtomically(
  nc: NatsConnection,
  requests: readonly AppendRequest[],
): Promise<number[] | undefined> {
  const batchId = randomUUID();
  const headersOf = (request: AppendRequest, index: number): MsgHdrs => {
    const headers = guardOf(request);
    headers.set('Nats-Batch-Id', batchId);
    headers.set('Nats-Batch-Sequence', String(index + 1));
    if (index === requests.length - 1) headers.set('Nats-Batch-Commit', '1');
    return headers;
  };
  try {
    for (const [index, request] of requests.entries()) {
      const subject = eventSubject(request.ref, request.event, request.lane);
      const data = encodeEvent(request.event);
      const headers = headersOf(request, index);
      const isLast = index === requests.length - 1;
      // The server answers the first member, which opens the batch, and the last, which commits it.
      if (index > 0 && !isLast) {
        nc.publish(subject, data, { headers });
        continue;
      }
      const answer = await nc.request(subject, data, { headers, timeout: STEP_TIMEOUT_MS });
      const ack =
        answer.data.length === 0 ? {} : answer.json<{ error?: unknown; seq?: number; count?: number }>();
      if (ack.error) return undefined;
      if (!isLast) continue;
      // The members of a batch are stored next to each other; `seq` is the last one's.
      if (ack.seq === undefined || ack.count !== requests.length) return undefined;
      const first = ack.seq - requests.length + 1;
      return requests.map((_, each) => first + each);
    }
  } catch {
    return undefined;
  }
  return undefined;
}
