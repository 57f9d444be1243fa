import {
  AUDIT_STREAM,
  isEndingType,
  JOBS_STREAM,
  type JobRef,
  jobSubjects,
  type RecordedEvent,
  refOfSubject,
  typeOfSubject,
} from '@errand/contracts';
import type { JetStreamManager, StoredMsg } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { HistoryOutOfReach, LogUnavailable } from '../errors.ts';
import { decodeEvent } from './event-codec.ts';
import { type AuditReader, readAuditSources, sourceOf } from './read-audit.ts';
import { collectStored, orUnavailable } from './read-pages.ts';

/*
 * Everything that ever happened to one job, including progress, oldest first.
 *
 * JOBS has a subject for each job, so a read there costs only what the job has. AUDIT has none: a read also passes over
 * whatever the tenant's other jobs did meanwhile, so it is given a limit. It looks at headers only, which name the job,
 * and fetches the bodies of those that it wants.
 */

export interface HistoryReader {
  /**
   * A job's events in JOBS page by page, from one version up to another, both inclusive.
   * @throws LogUnavailable
   */
  readHistory(
    ref: JobRef,
    range: { fromVersion: number; toVersion: number },
  ): AsyncGenerator<RecordedEvent[], void, undefined>;
  /**
   * A job's events in AUDIT page by page, up to its ending, or to the end of AUDIT, or until well past its deadline.
   * @throws HistoryOutOfReach when more would have to be passed over than the limits allow; LogUnavailable
   */
  readAuditedHistory(
    job: AuditedJob,
    limits: HistoryLimits,
  ): AsyncGenerator<RecordedEvent[], void, undefined>;
}

interface AuditedJob {
  readonly tenantId: string;
  /** If unknown, the tenant's events of all actions are passed over. */
  readonly action?: string | undefined;
  readonly jobId: string;
  /** Nothing of the job was stored before this time, in Unix milliseconds. */
  readonly sinceMs: number;
  /** Or before this version, which is found without reading what lies between. */
  readonly sinceVersion?: number | undefined;
  /** Continues after its ending, where nothing should be. */
  readonly pastEnding?: boolean;
}

export interface HistoryLimits {
  readonly maxEntries: number;
  readonly maxMs: number;
}

const PAGE_SIZE = 500;
const HEADERS_PAGE_SIZE = 5_000;
const CATCH_UP_MS = 3_000;
/** A job whose deadline passed while nothing could write its end is ended at most this much later. */
const LATE_MS = 3_600_000;

export function createHistoryReader(
  nc: NatsConnection,
  jsm: JetStreamManager,
  { positionBefore }: Pick<AuditReader, 'positionBefore'>,
): HistoryReader {
  return {
    async *readHistory(ref, { fromVersion, toVersion }) {
      const giveUpAt = performance.now() + CATCH_UP_MS;
      for (let from = fromVersion; from <= toVersion; ) {
        const messages = await readReplica(jsm, jobSubjects(ref), from);
        const last = messages.at(-1)?.seq;
        if (last === undefined) {
          const { state } = await orUnavailable(() => jsm.streams.info(JOBS_STREAM));
          if (state.first_seq > from) throw new LogUnavailable('the job has left the log meanwhile');
          if (performance.now() > giveUpAt)
            throw new LogUnavailable('the replica read lags behind its leader');
          await new Promise((resolve) => setTimeout(resolve, 20));
          continue;
        }
        yield messages.filter(({ seq }) => seq <= toVersion).flatMap(eventsIn);
        from = last + 1;
      }
    },
    async *readAuditedHistory(job, limits) {
      const giveUpAt = performance.now() + limits.maxMs;
      let seen = 0;
      let untilMs = Number.POSITIVE_INFINITY;
      const { tenantId, action, sinceMs, sinceVersion } = job;
      const afterPosition = sinceVersion === undefined ? undefined : await positionBefore(sinceVersion);
      const query = { tenantId, action, sinceMs, afterPosition };
      const pages = readAuditSources(nc, jsm, { ...query, pageSize: HEADERS_PAGE_SIZE });
      for await (const { messages, remaining } of pages) {
        const wanted = messages.filter(({ read }) => isOf(job.jobId, read.subject));
        const events = await Promise.all(wanted.map(({ position }) => readEntry(jsm, position)));
        const found = events.flat();
        if (found.length > 0) yield found;
        for (const { event } of found) {
          if (event.type === 'JobRequested') untilMs = Date.parse(event.data.finish_by) + LATE_MS;
        }
        if (!job.pastEnding && wanted.some(({ read }) => isEnding(read.subject))) return;
        if ((messages.at(-1)?.read.filedMs ?? 0) > untilMs) return;
        seen += messages.length;
        const isEnough = seen >= limits.maxEntries || performance.now() > giveUpAt;
        if (isEnough && remaining > 0) {
          throw new HistoryOutOfReach(`${seen} entries of the audit log were skipped`);
        }
      }
    },
  };
}

function isOf(jobId: string, subject: string | undefined): boolean {
  return subject !== undefined && refOfSubject(subject)?.jobId === jobId;
}

function isEnding(subject: string | undefined): boolean {
  return subject !== undefined && isEndingType(typeOfSubject(subject));
}

function eventsIn(message: { subject: string; seq: number; data: Uint8Array }): RecordedEvent[] {
  const decoded = decodeEvent(message);
  return decoded.kind === 'event' ? [decoded.recorded] : [];
}

/** From the leader, since a consumer's replica may be ahead of another one. */
async function readEntry(jsm: JetStreamManager, seq: number): Promise<RecordedEvent[]> {
  try {
    const message = await jsm.streams.getMessage(AUDIT_STREAM, { seq });
    const source = message && sourceOf(message.header);
    return message && source
      ? eventsIn({ subject: source.subject, seq: source.version, data: message.data })
      : [];
  } catch (error) {
    throw new LogUnavailable('the log did not answer', { cause: error });
  }
}

function readReplica(jsm: JetStreamManager, filter: string, seq: number): Promise<StoredMsg[]> {
  const wanted = { seq, next_by_subj: filter, batch: PAGE_SIZE };
  return orUnavailable(() =>
    collectStored((callback) => jsm.direct.getBatch(JOBS_STREAM, { ...wanted, callback })),
  );
}
