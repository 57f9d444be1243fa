import { type JobRef, type RecordedEvent, requestSubjects } from '@errand/contracts';
import type { JetStreamManager } from '@nats-io/jetstream';
import { LogUnavailable } from '../errors.ts';
import { decodeEvent } from './event-codec.ts';
import { readReplica } from './read-job.ts';

export interface RequestsReader {
  /**
   * The JobRequested of each of these jobs, in their order, at the cost of one read per 64 of them. A replica answers,
   * which may lag, and what cannot be read is left out: for a job without a request here, `readJob` has the answer.
   * @throws LogUnavailable
   */
  readRequests(jobs: readonly JobRef[]): Promise<(RecordedEvent | undefined)[]>;
}

/** An answer holds at most 1,024 messages, and each may be as long as an event can be. */
const JOBS_AT_ONCE = 64;

export function createRequestsReader(jsm: JetStreamManager, isConnected: () => boolean): RequestsReader {
  return {
    async readRequests(jobs) {
      if (!isConnected()) throw new LogUnavailable('the connection to the log is lost');
      const filters = jobs.map(requestSubjects);
      const wanted = [...new Set(filters)];
      const found = new Map<string, RecordedEvent>();
      try {
        for (let from = 0; from < wanted.length; from += JOBS_AT_ONCE) {
          for (const message of await readReplica(jsm, wanted.slice(from, from + JOBS_AT_ONCE))) {
            const decoded = decodeEvent(message);
            if (decoded.kind === 'event') found.set(requestSubjects(decoded.recorded.ref), decoded.recorded);
          }
        }
      } catch (error) {
        throw new LogUnavailable('the log did not answer', { cause: error });
      }
      return filters.map((filter) => found.get(filter));
    },
  };
}
