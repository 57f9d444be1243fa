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
  const outcome = await publishAtomically(nc, requests.map(eventMember));
  return outcome.kind === 'stored' ? requests.map((_, each) => outcome.first + each) : undefined;
}

export interface BatchMember {
  readonly subject: string;
  readonly data: Uint8Array;
  /** Its guard. */
  readonly headers: MsgHdrs;
}

export function eventMember(request: AppendRequest): BatchMember {
  const { ref, event, lane } = request;
  return {
    subject: eventSubject(ref, event, lane),
    data: encodeEvent(event),
    headers: guardOf(request),
  };
}

type BatchOutcome =
  /** All of them, next to each other: `first` is the version of the first. */
  | { readonly kind: 'stored'; readonly first: number }
  /** None of them. */
  | { readonly kind: 'refused'; readonly code: number }
  /** There was no answer, so nobody knows. */
  | { readonly kind: 'silent' };

/** Publishes members of one atomic batch, at most MAX_BATCH. */
export async function publishAtomically(
  nc: NatsConnection,
  members: readonly BatchMember[],
): Promise<BatchOutcome> {
  const batchId = randomUUID();
  try {
    for (const [index, { subject, data, headers }] of members.entries()) {
      const isLast = index === members.length - 1;
      headers.set('Nats-Batch-Id', batchId);
      headers.set('Nats-Batch-Sequence', String(index + 1));
      if (isLast) headers.set('Nats-Batch-Commit', '1');
      // The server answers the first member, which opens the batch, and the last, which commits it.
      if (index > 0 && !isLast) {
        nc.publish(subject, data, { headers });
        continue;
      }
      const answer = await nc.request(subject, data, { headers, timeout: STEP_TIMEOUT_MS });
      const ack = answer.data.length === 0 ? {} : answer.json<BatchAck>();
      if (ack.error) return { kind: 'refused', code: ack.error.err_code ?? 0 };
      // The members of a batch are stored next to each other; `seq` is the last one's.
      if (isLast && ack.seq !== undefined && ack.count === members.length) {
        return { kind: 'stored', first: ack.seq - members.length + 1 };
      }
    }
  } catch {
    // No answer in time, or no connection.
  }
  return { kind: 'silent' };
}

interface BatchAck {
  readonly error?: { readonly err_code?: number };
  readonly seq?: number;
  readonly count?: number;
}
