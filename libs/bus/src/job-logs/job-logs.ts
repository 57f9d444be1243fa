import {
  JobLogBatch,
  type JobRef,
  jobLogOfAnyAction,
  jobLogSubject,
  LOGS_STREAM,
  type ReadLogEntry,
  storedSubject,
} from '@errand/contracts';
import type { JetStreamManager, StoredMsg } from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/transport-node';
import { createPublisher, type Publisher } from '../append/publisher.ts';
import { collectStored, orUnavailable } from '../read/read-pages.ts';

export interface JobLogs {
  /**
   * Stores what an attempt has said. `batchId` is the same when it is tried again, so that nothing is stored twice.
   * False: it was refused, or nobody answered in time, and it may be tried again.
   */
  append(ref: JobRef, batch: JobLogBatch, batchId: string): Promise<boolean>;
  /** Entries behind an id, in the order in which they were stored, of all attempts. @throws LogUnavailable */
  read(job: LoggedJob, place: { after: number; limit: number }): Promise<LogPage>;
  /** Whether the leader has nothing of the job behind an id. A replica that `read` asks may lag. @throws LogUnavailable */
  isAtEnd(job: LoggedJob, after: number): Promise<boolean>;
  /** Calls back when something of the job was stored, and after each reconnection. Returns the way to stop. */
  onStored(job: LoggedJob, wake: () => void): () => void;
}

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
/** How many batches are read at once. */
const BATCHES = 50;

const positionOf = (id: number) => Math.floor(id / IDS_PER_BATCH);

/** `onReconnected` registers a callback and returns the way to remove it. */
export function createJobLogs(
  nc: NatsConnection,
  jsm: JetStreamManager,
  options: { ackTimeoutMs?: number; onReconnected: (callback: () => void) => () => void },
): JobLogs & { close(): void } {
  // Most services write none.
  let publisher: Publisher | undefined;

  function readBatches(filter: string, seq: number): Promise<StoredMsg[]> {
    const wanted = { seq, next_by_subj: filter, batch: BATCHES };
    return orUnavailable(() =>
      collectStored((callback) => jsm.direct.getBatch(LOGS_STREAM, { ...wanted, callback })),
    );
  }

  return {
    async append(ref, batch, batchId) {
      publisher ??= createPublisher(nc, options.ackTimeoutMs ?? 2_000);
      const about = headers();
      about.set('Nats-Msg-Id', batchId);
      const ack = await publisher.publish(jobLogSubject(ref), Buffer.from(JSON.stringify(batch)), about);
      return ack.kind === 'stored';
    },
    async read({ tenantId, jobId }, { after, limit }) {
      const filter = jobLogOfAnyAction(tenantId, jobId);
      const entries: ReadLogEntry[] = [];
      for (let from = Math.max(1, positionOf(after)); ; ) {
        const batches = await readBatches(filter, from);
        for (const batch of batches) entries.push(...entriesOf(batch).filter(({ id }) => id > after));
        const last = batches.at(-1);
        if (entries.length > limit) return { entries: entries.slice(0, limit), hasMore: true };
        if (!last || batches.length < BATCHES) return { entries, hasMore: false };
        from = last.seq + 1;
      }
    },
    async isAtEnd({ tenantId, jobId }, after) {
      const wanted = { last_by_subj: jobLogOfAnyAction(tenantId, jobId) };
      const last = await orUnavailable(() => jsm.streams.getMessage(LOGS_STREAM, wanted));
      return !last || entriesOf(last).every(({ id }) => id <= after);
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
