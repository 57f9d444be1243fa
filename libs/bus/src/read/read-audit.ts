import { AUDIT_STREAM, auditSubjects, type JobEventType, type RecordedEvent } from '@errand/contracts';
import type { JetStreamManager } from '@nats-io/jetstream';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import { decodeEvent, type Unreadable } from './event-codec.ts';
import { orUnavailable, type PageOf, readPages } from './read-pages.ts';
import { sequenceAt } from './sequence-at.ts';

/** One event as the audit log holds it. */
export interface AuditEntry {
  /** Its position in the audit log, which has its own sequence. */
  readonly position: number;
  /** When it was filed there, in Unix milliseconds. Grows with the position. */
  readonly filedMs: number;
  /** The version of the event it copies; 0 if it does not say. */
  readonly version: number;
  /** The subject of the event it copies; its own if it does not say. */
  readonly subject: string;
  /** Its body as stored. */
  readonly data: Uint8Array;
  /** The same as text, decoded on access. */
  readonly text: string;
  /** Decoded on first access: a reader that wants only the body need not pay for it. */
  readonly decoded: { kind: 'event'; recorded: RecordedEvent } | Unreadable;
}

export interface AuditPage {
  readonly entries: AuditEntry[];
  /** Where to continue after this page. */
  readonly position: number;
  /** How many matching entries followed this page in the log when it was read. */
  readonly remaining: number;
}

export interface AuditQuery {
  tenantId?: string | undefined;
  action?: string | undefined;
  types?: readonly JobEventType[] | undefined;
  /** Entries up to this position are skipped. */
  afterPosition?: number | undefined;
  /** Entries filed before this time, Unix milliseconds, are skipped, unless `afterPosition` is given. */
  sinceMs?: number | undefined;
  /** The most entries in a page. Default 1,000. */
  pageSize?: number | undefined;
}

export interface AuditReader {
  /**
   * The audit log page by page, oldest first; ends with the first page that had none remaining when it was read. The
   * next page is read while the caller works on one.
   * @throws LogUnavailable
   */
  read(query: AuditQuery): AsyncGenerator<AuditPage, void, undefined>;
  /** The version of the newest event that the audit log has copied from JOBS; 0 for none. @throws LogUnavailable */
  version(): Promise<number>;
  /** The same for the oldest one that it still holds. @throws LogUnavailable */
  firstVersion(): Promise<number>;
  /**
   * The position before the entry that copies a version, or before the next one that it holds; for `afterPosition`.
   * @throws LogUnavailable
   */
  positionBefore(version: number): Promise<number>;
  /** The first and the last position that it has, or had. @throws LogUnavailable */
  range(): Promise<{ first: number; last: number }>;
  /** The same for the first entry that was filed at a time, in Unix milliseconds, or later. @throws LogUnavailable */
  positionAt(timeMs: number): Promise<number>;
}

const NO_SOURCE = 'it does not name the event it was copied from';
const PAGE_SIZE = 1_000;
const decoder = new TextDecoder();
/** How the server names the original of an entry: stream, sequence, filter, transform, subject. */
const SOURCE_HEADER = 'Nats-Stream-Source';

export function createAuditReader(nc: NatsConnection, jsm: JetStreamManager): AuditReader {
  /** The first entry at or behind a position. */
  async function entryFrom(seq: number): Promise<{ position: number; version: number } | undefined> {
    const wanted = { seq, next_by_subj: '>' };
    const entry = await jsm.streams.getMessage(AUDIT_STREAM, wanted);
    return entry ? { position: entry.seq, version: sourceOf(entry.header)?.version ?? 0 } : undefined;
  }

  async function versionAt(end: 'first_seq' | 'last_seq'): Promise<number> {
    const { state } = await jsm.streams.info(AUDIT_STREAM);
    if (state.messages === 0) return 0;
    if (end === 'first_seq') return (await entryFrom(state.first_seq))?.version ?? 0;
    // The last position may be of an entry that was deleted with its tenant.
    const last = await jsm.streams.getMessage(AUDIT_STREAM, { last_by_subj: '>' });
    return (last && sourceOf(last.header)?.version) ?? 0;
  }

  async function positionBefore(version: number): Promise<number> {
    const { state } = await jsm.streams.info(AUDIT_STREAM);
    let low = state.first_seq;
    let high = state.last_seq + 1;
    if (state.messages === 0) return high - 1;
    // Where the audit log has all that JOBS has got, positions are as far apart as versions.
    let guess = state.last_seq - (((await entryFrom(state.last_seq))?.version ?? version) - version);
    while (low < high) {
      const middle = guess >= low && guess < high ? guess : (low + high) >> 1;
      guess = -1;
      const found = await entryFrom(middle);
      if (found?.version === version) return found.position - 1;
      if (found && found.version < version) low = found.position + 1;
      else high = middle;
    }
    return low - 1;
  }

  return {
    async *read(query) {
      const pages = readPages(nc, jsm, {
        stream: AUDIT_STREAM,
        filterSubjects: filterOf(query),
        from: startOf(query),
        pageSize: query.pageSize ?? PAGE_SIZE,
        read: (message, position, filedMs) => new FiledEvent(message, position, filedMs),
      });
      for await (const { messages, remaining } of pages) {
        const entries = messages.map(({ read }) => read);
        yield { entries, position: entries.at(-1)?.position ?? 0, remaining };
      }
    },
    version: () => orUnavailable(() => versionAt('last_seq')),
    firstVersion: () => orUnavailable(() => versionAt('first_seq')),
    range: () =>
      orUnavailable(async () => {
        const { state } = await jsm.streams.info(AUDIT_STREAM);
        return { first: state.first_seq, last: state.last_seq };
      }),
    positionBefore: (version) => orUnavailable(() => positionBefore(version)),
    positionAt: (timeMs) => orUnavailable(async () => (await sequenceAt(jsm, AUDIT_STREAM, timeMs)) - 1),
  };
}

interface AuditSource {
  readonly filedMs: number;
  /** The subject of the event that an entry copies, undefined if it does not say. */
  readonly subject: string | undefined;
}

/** What each entry is a copy of, without its body, page by page. @throws LogUnavailable */
export function readAuditSources(
  nc: NatsConnection,
  jsm: JetStreamManager,
  query: AuditQuery & { pageSize: number },
): AsyncGenerator<PageOf<AuditSource>, void, undefined> {
  return readPages(nc, jsm, {
    stream: AUDIT_STREAM,
    headersOnly: true,
    pageSize: query.pageSize,
    filterSubjects: filterOf(query),
    from: startOf(query),
    read: ({ headers }, _, filedMs) => ({ filedMs, subject: sourceOf(headers)?.subject }),
  });
}

/** A filter that matches everything costs the server as much as one that matters. */
function filterOf(query: AuditQuery): string[] {
  const isNarrow = [query.tenantId, query.action, query.types].some((each) => each !== undefined);
  return isNarrow ? auditSubjects(query) : [];
}

function startOf({ afterPosition, sinceMs }: AuditQuery) {
  if (afterPosition !== undefined) return { afterPosition };
  return sinceMs === undefined ? undefined : { sinceMs };
}

/** Holds no more of the message than is read from it. */
class FiledEvent implements AuditEntry {
  readonly position: number;
  readonly filedMs: number;
  readonly version: number;
  readonly subject: string;
  readonly data: Uint8Array;
  #decoded: AuditEntry['decoded'] | undefined;

  constructor(message: Msg, position: number, filedMs: number) {
    const source = sourceOf(message.headers);
    this.position = position;
    this.filedMs = filedMs;
    this.version = source?.version ?? 0;
    this.subject = source?.subject ?? message.subject;
    this.data = message.data;
  }

  get text(): string {
    return decoder.decode(this.data);
  }

  get decoded(): AuditEntry['decoded'] {
    const { subject, version: seq, data } = this;
    this.#decoded ??=
      seq === 0
        ? { kind: 'unreadable', subject, version: 0, reason: NO_SOURCE }
        : decodeEvent({ subject, seq, data });
    return this.#decoded;
  }
}

/** The event that an entry is a copy of. */
export function sourceOf(headers: { get(name: string): string } | undefined) {
  const [, version, , , subject] = headers?.get(SOURCE_HEADER).split(' ') ?? [];
  return version === undefined || subject === undefined ? undefined : { version: Number(version), subject };
}
