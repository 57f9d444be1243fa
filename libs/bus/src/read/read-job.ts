import {
  eventSubject,
  JOBS_STREAM,
  type JobHistory,
  type JobRef,
  jobSubjects,
  jobSubjectsOfAnyAction,
  type RecordedEvent,
  startsOf,
  typeOfSubject,
  type UnreadEvent,
} from '@errand/contracts';
import type { JetStreamManager, StoredMsg } from '@nats-io/jetstream';
import { LogUnavailable } from '../errors.ts';
import { decodeEvent } from './event-codec.ts';
import { collectStored } from './read-pages.ts';

export interface JobReader {
  /**
   * The newest event of each type that a job has, as of this moment: what the leader has acknowledged is in it.
   * `unread` names what cannot be read, since it counts as an event for the next append. Empty for a job that the log
   * does not hold. Without an action, the job is found under any. With `atLeast`, a version that the log is known to
   * hold or to have held, the result is as of that version or later, and costs half. With `known`, a version that it is
   * known to have had, the result is of a leader that knows as much: one that has just become it may not know yet all that the
   * one before it has acknowledged.
   * @throws LogUnavailable
   */
  read(job: WantedEvents): Promise<JobHistory>;
  /**
   * The request of a job that was held, by the contract that it was accepted under: what there is of a job that has its
   * first turn. Undefined where a replica, which may lag, does not have it, or it cannot be read.
   * @throws LogUnavailable
   */
  readHeldRequest(ref: JobRef, contractId: string): Promise<RecordedEvent | undefined>;
  /**
   * The newest JobStarted of any job of an action; undefined if there is none that can be read.
   * @throws LogUnavailable
   */
  readLastStart(action: string): Promise<RecordedEvent | undefined>;
}

interface WantedEvents {
  tenantId: string;
  jobId: string;
  action?: string;
  atLeast?: number;
  known?: number;
}

const CATCH_UP_MS = 3_000;

/**
 * Reads jobs from the log. A job's events come in one request from any replica, which may lag; so the leader is also
 * asked for the job's last event, and the read is repeated until it reaches that far.
 */
export function createJobReader(jsm: JetStreamManager, isConnected: () => boolean): JobReader {
  async function readJob({ tenantId, jobId, action, atLeast, known = 0 }: WantedEvents): Promise<JobHistory> {
    if (!isConnected()) throw new LogUnavailable('the connection to the log is lost');
    const filter =
      action === undefined
        ? jobSubjectsOfAnyAction(tenantId, jobId)
        : jobSubjects({ tenantId, action, jobId });
    const giveUpAt = performance.now() + CATCH_UP_MS;
    try {
      const [told = 0, first] = await Promise.all([
        atLeast ?? lastVersion(jsm, filter),
        readReplica(jsm, [filter]),
      ]);
      const last = told < known ? await lastBehind(known, filter) : told;
      if (last === 0) return [];
      let events = first;
      for (let tries = 0; newestOf(events) < last; tries++) {
        if (performance.now() > giveUpAt) throw new LogUnavailable('the replica read lags behind its leader');
        // An event stored between the two answers is there by now; only a lagging replica is worth a pause.
        if (tries > 0) {
          // The job's events leave the log in their order.
          const { state } = await jsm.streams.info(JOBS_STREAM);
          if (state.first_seq > last) return [];
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        events = await readReplica(jsm, [filter]);
      }
      return historyOf(events);
    } catch (error) {
      if (error instanceof LogUnavailable) throw error;
      throw new LogUnavailable('the log did not answer', { cause: error });
    }
  }
  /** The job's last version, 0 for none, once the leader has all up to a version. */
  async function lastBehind(known: number, filter: string): Promise<number> {
    const { state } = await jsm.streams.info(JOBS_STREAM);
    if (state.last_seq < known) throw new LogUnavailable('the leader of the log does not know all of it yet');
    return (await lastVersion(jsm, filter)) ?? 0;
  }
  async function readLastStart(action: string): Promise<RecordedEvent | undefined> {
    try {
      const message = await jsm.streams.getMessage(JOBS_STREAM, { last_by_subj: startsOf(action) });
      const decoded = message && decodeEvent(message);
      return decoded?.kind === 'event' ? decoded.recorded : undefined;
    } catch (error) {
      throw new LogUnavailable('the log did not answer', { cause: error });
    }
  }
  async function readHeldRequest(ref: JobRef, contractId: string): Promise<RecordedEvent | undefined> {
    const event = { type: 'JobRequested', data: { contract_id: contractId } } as const;
    try {
      const wanted = { last_by_subj: eventSubject(ref, event, 'held') };
      const message = await jsm.direct.getMessage(JOBS_STREAM, wanted);
      const decoded = message && decodeEvent(message);
      return decoded?.kind === 'event' ? decoded.recorded : undefined;
    } catch (error) {
      throw new LogUnavailable('the log did not answer', { cause: error });
    }
  }
  return { read: readJob, readHeldRequest, readLastStart };
}

function historyOf(messages: StoredMsg[]): JobHistory {
  const readable: RecordedEvent[] = [];
  const unread: UnreadEvent[] = [];
  for (const message of messages) {
    const decoded = decodeEvent(message);
    if (decoded.kind === 'event') readable.push(decoded.recorded);
    else unread.push({ version: message.seq, type: typeOfSubject(message.subject) });
  }
  return unread.length === 0 ? readable : Object.assign(readable, { unread });
}

async function lastVersion(jsm: JetStreamManager, filter: string): Promise<number | undefined> {
  return (await jsm.streams.getMessage(JOBS_STREAM, { last_by_subj: filter }))?.seq;
}

/** The last message of each subject that matches one of the filters. */
export function readReplica(jsm: JetStreamManager, filters: string[]): Promise<StoredMsg[]> {
  return collectStored((callback) =>
    jsm.direct.getLastMessagesFor(JOBS_STREAM, { multi_last: filters, callback }),
  );
}

function newestOf(messages: StoredMsg[]): number {
  return messages.reduce((newest, { seq }) => Math.max(newest, seq), 0);
}
