import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import {
  JobLogBatch,
  type JobLogEntry,
  type JobRef,
  jobLogOfAnyAction,
  jobLogSubject,
  LOGS_STREAM,
  type ReadLogEntry,
  storedSubject,
} from '@errand/contracts';
import type { JetStreamManager, StoredMsg } from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/transport-node';
import { GUARD_SEQUENCE } from '../append/append.ts';
import { createPublisher, type Publisher } from '../append/publisher.ts';
import { LogUnavailable } from '../errors.ts';
import { collectStored, orUnavailable } from '../read/read-pages.ts';
import { CATCH_UP_MS, CATCH_UP_PAUSE_MS } from '../read/sequence-at.ts';

export interface JobLogs {
  /** For what one attempt tells. */
  writer(ref: JobRef, attempt: number): JobLogWriter;
  /**
   * Entries behind an id, in the order in which they were stored, of all attempts, up to the last one that the leader has;
   * fewer than asked for of long ones.
   * @throws LogUnavailable
   */
  read(job: LoggedJob, place: { after: number; limit: number }): Promise<LogPage>;
  /** Calls back when something of the job was stored, and after each reconnection. Returns the way to stop. */
  onStored(job: LoggedJob, wake: () => void): () => void;
}

/**
 * Stores a batch, once, behind all that was told of the job. False: it is not stored, since nobody answered in time, or
 * since a later attempt tells already: nothing of an attempt comes behind that. One call at a time.
 */
export type JobLogWriter = (entries: JobLogEntry[]) => Promise<boolean>;

interface LoggedJob {
  readonly tenantId: string;
  readonly jobId: string;
}

interface LogPage {
  readonly entries: ReadLogEntry[];
  readonly hasMore: boolean;
}

/** An entry's id is the position of its batch times this, and its place in there. */
const IDS_PER_BATCH = 1_000;
/** After each try to store a batch: a stream that elects its leader answers again in a second or so. */
const PAUSES_MS = [100, 300, 900, 0];
/** How many batches are read at once. */
const BATCHES = 50;
/** A page ends behind as many bytes, however many entries were asked for. */
const PAGE_BYTES = 4_000_000;

const positionOf = (id: number) => Math.floor(id / IDS_PER_BATCH);

/** `onReconnected` registers a callback and returns the way to remove it. */
export function createJobLogs(
  nc: NatsConnection,
  jsm: JetStreamManager,
  options: { ackTimeoutMs?: number; onReconnected: (callback: () => void) => () => void },
): JobLogs & { close(): void } {
  // Most services write none.
  let publisher: Publisher | undefined;

  function readBatches(filter: string, seq: number, batch: number): Promise<StoredMsg[]> {
    const wanted = { seq, next_by_subj: filter, batch };
    return orUnavailable(() =>
      collectStored((callback) => jsm.direct.getBatch(LOGS_STREAM, { ...wanted, callback })),
    );
  }

  /** The position of the leader's last batch under a subject, 0 for none. */
  async function lastPosition(filter: string): Promise<number> {
    const last = await orUnavailable(() => jsm.streams.getMessage(LOGS_STREAM, { last_by_subj: filter }));
    return last?.seq ?? 0;
  }

  /** Behind which batch an attempt may tell; undefined if nobody answers. */
  async function lastBefore(subject: string, attempt: number): Promise<number | 'later_attempt' | undefined> {
    try {
      const found = await jsm.streams.getMessage(LOGS_STREAM, { last_by_subj: subject });
      return found && (parsed(found.data)?.attempt ?? 0) > attempt ? 'later_attempt' : (found?.seq ?? 0);
    } catch {
      return undefined;
    }
  }

  return {
    writer(ref, attempt) {
      publisher ??= createPublisher(nc, options.ackTimeoutMs ?? 2_000);
      const { publish } = publisher;
      const subject = jobLogSubject(ref);
      // Mostly a first attempt tells, once.
      let last = attempt === 1 ? 0 : undefined;
      return async (entries) => {
        const data = Buffer.from(JSON.stringify({ attempt, entries } satisfies JobLogBatch));
        const id = randomUUID();
        for (const pauseMs of PAUSES_MS) {
          const behind = last ?? (await lastBefore(subject, attempt));
          if (behind === 'later_attempt') return false;
          if (behind !== undefined) {
            const about = headers();
            about.set('Nats-Msg-Id', id);
            about.set(GUARD_SEQUENCE, String(behind));
            const ack = await publish(subject, data, about);
            last = ack.kind === 'stored' ? ack.sequence : ack.kind === 'refused' ? undefined : behind;
            if (ack.kind === 'stored') return true;
          }
          await pause(pauseMs);
        }
        return false;
      };
    },
    async read({ tenantId, jobId }, { after, limit }) {
      const filter = jobLogOfAnyAction(tenantId, jobId);
      const asked = Math.min(BATCHES, limit + 1);
      const giveUpAt = performance.now() + CATCH_UP_MS;
      const entries: ReadLogEntry[] = [];
      let reached = Math.max(0, positionOf(after) - 1);
      for (let bytes = 0; ; ) {
        const batches = await readBatches(filter, reached + 1, asked);
        for (const batch of batches) {
          entries.push(...entriesOf(batch).filter(({ id }) => id > after));
          bytes += batch.data.length;
        }
        reached = batches.at(-1)?.seq ?? reached;
        if (entries.length > limit) return { entries: entries.slice(0, limit), hasMore: true };
        if (batches.length < asked) {
          if ((await lastPosition(filter)) <= Math.max(reached, positionOf(after)))
            return { entries, hasMore: false };
          if (performance.now() > giveUpAt)
            throw new LogUnavailable('the replica read lags behind its leader');
          await pause(CATCH_UP_PAUSE_MS);
        } else if (bytes > PAGE_BYTES && entries.length > 0) return { entries, hasMore: true };
      }
    },
    onStored({ tenantId, jobId }, wake) {
      const callback = (error: unknown) => {
        if (!error) wake();
      };
      const subscription = nc.subscribe(storedSubject(jobLogOfAnyAction(tenantId, jobId)), { callback });
      const forget = options.onReconnected(wake);
      return () => {
        forget();
        subscription.unsubscribe();
      };
    },
    close: () => publisher?.close(),
  };
}

/** None of a message that cannot be read: whoever runs an action may write there. */
function entriesOf({ seq, data }: Pick<StoredMsg, 'seq' | 'data'>): ReadLogEntry[] {
  const batch = parsed(data);
  if (!batch) return [];
  const { attempt, entries } = batch;
  return entries.map((entry, index) => ({ id: seq * IDS_PER_BATCH + index, attempt, entry }));
}

function parsed(data: Uint8Array): JobLogBatch | undefined {
  try {
    return JobLogBatch.parse(JSON.parse(new TextDecoder().decode(data)));
  } catch {
    return undefined;
  }
}
