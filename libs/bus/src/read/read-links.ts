import {
  JOBS_STREAM,
  type JobEventType,
  type JobRef,
  jobEventsOf,
  jobSubjects,
  PAGE_READERS,
  refOfSubject,
  typeOfSubject,
} from '@errand/contracts';
import type { JetStreamManager } from '@nats-io/jetstream';
import type { MsgHdrs, NatsConnection } from '@nats-io/transport-node';
import { GUARD_SEQUENCE } from '../append/append.ts';
import { collectStored, orUnavailable, readPages } from './read-pages.ts';

/** One stored event of JOBS and the one that its writer had seen before it. */
export interface StoredLink {
  readonly ref: JobRef;
  /** Undefined for a type that a later program introduced. */
  readonly type: JobEventType | undefined;
  readonly version: number;
  /** 0: none. Undefined: it was written without a guard. */
  readonly expectedVersion: number | undefined;
}

export interface LinkReader {
  /** All events of JOBS by their guards, in order, page by page; of one tenant, or of all. @throws LogUnavailable */
  readLinks(tenantId: string | undefined): AsyncGenerator<StoredLink[], void, undefined>;
  /** The first events of a job at or after a version. @throws LogUnavailable */
  readLinksFrom(ref: JobRef, version: number, count: number): Promise<StoredLink[]>;
  /** The first and the last version that JOBS holds. @throws LogUnavailable */
  range(): Promise<{ firstVersion: number; lastVersion: number }>;
}

const PAGE_SIZE = 5_000;

export function createLinkReader(nc: NatsConnection, jsm: JetStreamManager): LinkReader {
  return {
    async *readLinks(tenantId) {
      const pages = readPages(nc, jsm, {
        stream: JOBS_STREAM,
        name: PAGE_READERS.verify,
        headersOnly: true,
        pageSize: PAGE_SIZE,
        from: undefined,
        filterSubjects: tenantId === undefined ? [] : [jobEventsOf(tenantId)],
        read: ({ subject, headers }, version) => linkOf(subject, version, headers),
      });
      for await (const { messages } of pages) yield messages.flatMap(({ read }) => read);
    },
    readLinksFrom: (ref, seq, batch) =>
      orUnavailable(async () => {
        const wanted = { seq: Math.max(1, seq), next_by_subj: jobSubjects(ref), batch };
        const found = await collectStored((callback) =>
          jsm.direct.getBatch(JOBS_STREAM, { ...wanted, callback }),
        );
        return found.flatMap((message) => linkOf(message.subject, message.seq, message.header));
      }),
    range: () =>
      orUnavailable(async () => {
        const { state } = await jsm.streams.info(JOBS_STREAM);
        return { firstVersion: state.first_seq, lastVersion: state.last_seq };
      }),
  };
}

function linkOf(subject: string, version: number, headers: MsgHdrs | undefined): StoredLink[] {
  const ref = refOfSubject(subject);
  if (!ref) return [];
  const type = typeOfSubject(subject);
  const guard = headers?.get(GUARD_SEQUENCE) ?? '';
  return [{ ref, type, version, expectedVersion: guard === '' ? undefined : Number(guard) }];
}
