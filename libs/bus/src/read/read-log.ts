import { ALL_JOB_EVENTS, isLeadSubject, JOBS_STREAM, PAGE_READERS } from '@errand/contracts';
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { decodeEvent } from './event-codec.ts';
import type { AuditEntry } from './read-audit.ts';
import { orUnavailable, readPages } from './read-pages.ts';

/** How far the log reaches. */
interface LogReach {
  /** The newest event's version, 0 if there never was one. */
  readonly lastVersion: number;
  /** Versions count from this one; lower ones belong to a log that was lost. */
  readonly beganAt: number;
  /** The version of the oldest event that is still there, undefined if there is none. */
  readonly firstVersion: number | undefined;
}

/** How many messages behind the last event are looked at one by one, which is faster than to look for it. */
const TURNS_AT_END = 20;

export interface LogReader {
  /**
   * Every event of every job after a version, oldest first; ends with the first page that had none remaining when it
   * was read.
   * @throws LogUnavailable
   */
  readAll(query: {
    afterVersion: number;
    pageSize: number;
  }): AsyncGenerator<
    { decoded: AuditEntry['decoded'][]; version: number; remaining: number },
    void,
    undefined
  >;
  /** As of this moment: what the leader has acknowledged is in it. @throws LogUnavailable */
  reach(): Promise<LogReach>;
  /** The version of the oldest event that is still there, 0 for none. @throws LogUnavailable */
  firstEvent(): Promise<number>;
  /** The version of the newest event that is still there, 0 for none: what is behind it is about turns. @throws LogUnavailable */
  lastEvent(): Promise<number>;
  /** When the first event at a version, or behind it, was stored, in Unix milliseconds; undefined for none. @throws LogUnavailable */
  storedFrom(version: number): Promise<number | undefined>;
}

export function createLogReader(nc: NatsConnection, jsm: JetStreamManager): LogReader {
  return {
    async *readAll({ afterVersion, pageSize }) {
      const pages = readPages(nc, jsm, {
        stream: JOBS_STREAM,
        name: PAGE_READERS.rebuild,
        filterSubjects: [],
        from: { afterPosition: afterVersion },
        pageSize,
        read: ({ subject, data }, seq) =>
          isLeadSubject(subject) ? undefined : decodeEvent({ subject, seq, data }),
      });
      for await (const { messages, remaining } of pages) {
        const version = messages.at(-1)?.position ?? afterVersion;
        const decoded = messages.flatMap(({ read }) => read ?? []);
        yield { decoded, version, remaining };
      }
    },
    firstEvent: () =>
      orUnavailable(async () => {
        const first = { seq: 1, next_by_subj: ALL_JOB_EVENTS };
        return (await jsm.streams.getMessage(JOBS_STREAM, first))?.seq ?? 0;
      }),
    lastEvent: () =>
      orUnavailable(async () => {
        const { state } = await jsm.streams.info(JOBS_STREAM);
        if (state.messages === 0) return 0;
        const least = Math.max(state.first_seq, state.last_seq - TURNS_AT_END);
        for (let seq = state.last_seq; seq >= least; seq--) {
          const message = await jsm.streams.getMessage(JOBS_STREAM, { seq });
          if (message && !isLeadSubject(message.subject)) return seq;
        }
        // Many may have been deleted with their tenant.
        const last = await jsm.streams.getMessage(JOBS_STREAM, { last_by_subj: ALL_JOB_EVENTS });
        return last?.seq ?? 0;
      }),
    storedFrom: (version) =>
      orUnavailable(async () => {
        const first = { seq: version, next_by_subj: '>' };
        const message = await jsm.streams.getMessage(JOBS_STREAM, first);
        return message?.time.getTime();
      }),
    reach: () =>
      orUnavailable(async () => {
        const { state, config } = await jsm.streams.info(JOBS_STREAM);
        return {
          beganAt: config.first_seq || 1,
          lastVersion: state.last_seq,
          firstVersion: state.messages === 0 ? undefined : state.first_seq,
        };
      }),
  };
}
