import { randomUUIDv7 } from 'node:crypto';
import {
  BUCKETS,
  CONFIG_BEGUN,
  CONFIG_STREAM,
  type ConfigChange,
  ConfigChanged,
  type ConfigResource,
  configSubject,
  configSubjects,
  LogPosition,
  ownConfigOf,
} from '@errand/contracts';
import type { JetStreamManager } from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/transport-node';
import { GUARD_SEQUENCE } from '../append/append.ts';
import { openBucket } from '../buckets/buckets.ts';
import { JS, LogUnavailable } from '../errors.ts';
import { countSince } from '../read/count-since.ts';
import { orUnavailable, readPages } from '../read/read-pages.ts';

/** One recorded change, as stored. */
export interface ConfigEntry {
  /** Its position in CONFIG. */
  readonly position: number;
  /** When it was stored, in Unix milliseconds. Grows with the position. */
  readonly filedMs: number;
  readonly subject: string;
  readonly text: string;
  /** Undefined for what is no change. */
  readonly change: ConfigChange | undefined;
}

export interface ConfigReader {
  /** Recorded changes, oldest first: of a tenant, of an action, or all. @throws LogUnavailable */
  read(wanted: {
    tenantId?: string | undefined;
    action?: string | undefined;
    sinceMs?: number | undefined;
  }): AsyncGenerator<ConfigEntry, void, undefined>;
  /**
   * How many changes of a tenant's keys and endpoints are recorded since an instant (Unix milliseconds), whoever made
   * them. One request.
   * @throws LogUnavailable
   */
  countOwn(tenantId: string, sinceMs: number): Promise<number>;
  /** When the first of these were recorded, in Unix milliseconds, oldest first. @throws LogUnavailable */
  ownTimes(tenantId: string, sinceMs: number): AsyncGenerator<number, void, undefined>;
  /** Whether every change is recorded, and none of the records was dropped for want of room. @throws LogUnavailable */
  isWhole(): Promise<boolean>;
}

export interface ConfigWriter {
  /**
   * Records a change before it is made. Resolves with its position; undefined if `onlyFirst` is set and something of the
   * resource is recorded already.
   * @throws LogUnavailable
   */
  record(resource: ConfigResource, change: RecordedChange, onlyFirst?: boolean): Promise<number | undefined>;
  /** Has recorded what is there when recording begins, unless that was done before. @throws LogUnavailable */
  begin(recordFound: () => Promise<void>): Promise<void>;
}

type RecordedChange = Omit<ConfigChange, 'kind' | 'tenant_id' | 'resource_id'>;

const TIMEOUT_MS = 5_000;
const PAGE_SIZE = 1_000;

export function createConfigLog(nc: NatsConnection, jsm: JetStreamManager): ConfigReader & ConfigWriter {
  async function publish(subject: string, body: object, isFirst: boolean): Promise<number | undefined> {
    const guard = headers();
    if (isFirst) guard.set(GUARD_SEQUENCE, '0');
    const answer = await orUnavailable(async () => {
      const message = await nc.request(subject, JSON.stringify(body), {
        headers: guard,
        timeout: TIMEOUT_MS,
      });
      return message.json<{ seq?: number; error?: { err_code?: number; description?: string } }>();
    });
    if (answer.seq !== undefined) return answer.seq;
    if (answer.error?.err_code === JS.wrongLastSequence) return undefined;
    throw new LogUnavailable(`the change was not recorded: ${answer.error?.description}`);
  }

  /** It is the first entry, so it is the first that is dropped when there is no room. */
  const holdsBegin = () =>
    orUnavailable(
      async () => (await jsm.streams.getMessage(CONFIG_STREAM, { last_by_subj: CONFIG_BEGUN })) !== null,
    );
  /** Whether all was recorded that was there at the beginning. It is not in CONFIG, which drops its oldest. */
  const openMarks = () => openBucket(nc, BUCKETS.positions, LogPosition);

  return {
    async *read({ tenantId, action, sinceMs }) {
      const filterSubjects = configSubjects({ tenantId, action });
      if (filterSubjects.length === 0) return;
      const pages = readPages(nc, jsm, {
        stream: CONFIG_STREAM,
        filterSubjects,
        from: sinceMs === undefined ? undefined : { sinceMs },
        pageSize: PAGE_SIZE,
        read: (message, position, filedMs): ConfigEntry => {
          const text = message.string();
          return { position, filedMs, subject: message.subject, text, change: changeIn(text) };
        },
      });
      for await (const { messages } of pages) {
        for (const { read } of messages) if (read.subject !== CONFIG_BEGUN) yield read;
      }
    },
    countOwn: (tenantId, sinceMs) =>
      orUnavailable(() => countSince(jsm, CONFIG_STREAM, { subject: ownConfigOf(tenantId), sinceMs })),
    async *ownTimes(tenantId, sinceMs) {
      const pages = readPages(nc, jsm, {
        stream: CONFIG_STREAM,
        filterSubjects: [ownConfigOf(tenantId)],
        from: { sinceMs },
        pageSize: PAGE_SIZE,
        headersOnly: true,
        read: (_message, _position, filedMs) => filedMs,
      });
      for await (const { messages } of pages) for (const { read } of messages) yield read;
    },
    isWhole: async () => (await (await openMarks()).get(CONFIG_STREAM)) !== undefined && (await holdsBegin()),
    record(resource, change, onlyFirst = false) {
      const { kind, tenantId, id } = resource;
      const event: ConfigChanged = {
        specversion: '1.0',
        id: randomUUIDv7(),
        source: '/errand/config',
        type: 'ConfigChanged',
        time: new Date().toISOString(),
        datacontenttype: 'application/json',
        data: { kind, tenant_id: tenantId ?? null, resource_id: id, ...change },
      };
      return publish(configSubject(resource), event, onlyFirst);
    },
    async begin(recordFound) {
      const marks = await openMarks();
      if (await marks.get(CONFIG_STREAM)) return;
      await publish(CONFIG_BEGUN, {}, true);
      await recordFound();
      await marks.put(CONFIG_STREAM, { version: 1 });
    },
  };
}

function changeIn(text: string): ConfigChange | undefined {
  try {
    return ConfigChanged.parse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
