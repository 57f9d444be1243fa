import { setTimeout as pause } from 'node:timers/promises';
import {
  eventSubject,
  JOBS_STREAM,
  type JobEvent,
  type JobRef,
  jobSubjects,
  type Lane,
} from '@errand/contracts';
import type { JetStreamManager } from '@nats-io/jetstream';
import { headers, type MsgHdrs, type NatsConnection } from '@nats-io/transport-node';
import { EventTooLarge, JS, LogFull, LogUnavailable } from '../errors.ts';
import { encodeEvent, eventIdOf } from '../read/event-codec.ts';
import { createPublisher } from './publisher.ts';

export interface AppendRequest {
  readonly ref: JobRef;
  readonly event: JobEvent;
  /** Version of the newest event of the job that the writer has seen; 0 for none. */
  readonly expectedVersion: number;
  readonly lane?: Lane;
  /** How long to keep trying through silence and elections, in milliseconds. Default 5,000. */
  readonly deadlineMs?: number;
}

export type AppendOutcome =
  | { kind: 'appended'; version: number }
  /** Another writer was first. Nothing was written: read the job and decide again. */
  | { kind: 'conflict' };

export interface Appender {
  /**
   * Writes one event, once, if and only if the job is still at the expected version.
   * @throws LogUnavailable when the log gave no answer before the deadline; the event may have been written, and
   * appending the very same event again settles it.
   * @throws EventTooLarge
   */
  append(request: AppendRequest): Promise<AppendOutcome>;
  /** How many appends another writer was faster than, since the start. */
  conflicts(): number;
  close(): void;
}

export const GUARD_SEQUENCE = 'Nats-Expected-Last-Subject-Sequence';
/** An append that is so late was held up by more than a pause. */
const STOPPED_MS = 60_000;
export const GUARD_SUBJECT = 'Nats-Expected-Last-Subject-Sequence-Subject';

/**
 * The only writer of `jobs.>`. Every append carries the job's version as its guard, with one guard string per job;
 * `jobSubjects` says why that string must never vary.
 *
 *   the server says            what follows
 *   stored                     appended
 *   wrong last sequence        settle: ours was stored by an earlier try → appended, else conflict
 *   stream full                LogFull at once
 *   no leader, busy, silence   settle, then try again until the deadline
 */
export function createAppender(
  nc: NatsConnection,
  jsm: JetStreamManager,
  options: { ackTimeoutMs?: number } = {},
): Appender {
  const publisher = createPublisher(nc, options.ackTimeoutMs ?? 2_000);
  let conflicts = 0;

  async function append(request: AppendRequest): Promise<AppendOutcome> {
    const subject = eventSubject(request.ref, request.event, request.lane);
    const data = encodeEvent(request.event);
    const maxBytes = nc.info?.max_payload ?? Number.POSITIVE_INFINITY;
    const guard = guardOf(request);
    // The server counts headers too; 1 KiB is more than ours take.
    if (data.length + 1024 > maxBytes) throw new EventTooLarge(data.length, maxBytes);
    const giveUpAt = performance.now() + (request.deadlineMs ?? 5_000);
    for (let tries = 0; ; tries++) {
      const ack = await publisher.publish(subject, data, guard);
      if (ack.kind === 'stored') return { kind: 'appended', version: ack.sequence };
      if (ack.kind === 'refused' && ack.code === JS.maximumBytesExceeded) {
        throw new LogFull('the log is full');
      }
      const lost = ack.kind === 'refused' && ack.code === JS.wrongLastSequence;
      const settled = await Promise.race([settle(request, subject, lost), pauseUntil(giveUpAt)]);
      if (settled?.kind === 'conflict') conflicts++;
      if (settled) return settled;
      if (performance.now() > giveUpAt) {
        throw new LogUnavailable(`no acknowledgement: ${'description' in ack ? ack.description : ack.kind}`);
      }
      await pause(Math.min(500, 20 * 2 ** tries));
      // A process that was stopped meanwhile might come back when the job has run, ended and left the log.
      if (performance.now() > giveUpAt + STOPPED_MS) throw new LogUnavailable('this process was stopped');
    }
  }

  /**
   * Asks the leader what became of an append whose outcome is open; undefined: not known yet. Only one event can follow
   * the expected version and it never changes, so what is found there is final; the newest event of the job or of the
   * subject may be a later one.
   */
  async function settle(
    request: AppendRequest,
    subject: string,
    lost: boolean,
  ): Promise<AppendOutcome | undefined> {
    const { ref, event, expectedVersion } = request;
    const job = jobSubjects(ref);
    // A request has its own subject; searching for it from the log's first event would read the whole log.
    const followers =
      expectedVersion === 0 ? { last_by_subj: subject } : { seq: expectedVersion + 1, next_by_subj: job };
    try {
      const newest = await jsm.streams.getMessage(JOBS_STREAM, { last_by_subj: job });
      const newestVersion = newest?.seq ?? 0;
      if (newestVersion === expectedVersion) return undefined;
      if (newestVersion < expectedVersion) return lost ? { kind: 'conflict' } : undefined;
      const follower = await jsm.streams.getMessage(JOBS_STREAM, followers);
      return follower && eventIdOf(follower.data) === event.id
        ? { kind: 'appended', version: follower.seq }
        : { kind: 'conflict' };
    } catch {
      return undefined;
    }
  }

  return { append, conflicts: () => conflicts, close: () => publisher.close() };
}

/** The headers that make the server refuse an append on any other version of the job. */
export function guardOf(request: AppendRequest): MsgHdrs {
  const guard = headers();
  guard.set(GUARD_SEQUENCE, String(request.expectedVersion));
  guard.set(GUARD_SUBJECT, jobSubjects(request.ref));
  return guard;
}

function pauseUntil(performanceMs: number): Promise<undefined> {
  return new Promise((resolve) => {
    setTimeout(resolve, Math.max(0, performanceMs - performance.now()), undefined).unref();
  });
}
