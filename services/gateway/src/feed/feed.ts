import { type Bus, LogUnavailable } from '@errand/bus';
import type { JobStatus } from '@errand/contracts';
import { endingsOf, storedSubject, type WebhookEventType } from '@errand/contracts';
import { createLimiter } from '@errand/runtime';
import { Refusal } from '../http/problem.ts';
import type { TenantReads } from '../load/tenant-reads.ts';
import { createBell } from './bell.ts';
import type { Ending, EndingsTable } from './endings-rows.ts';
import type { FeedCursor } from './feed-query.ts';

/*
 * A tenant's endings in the order of the log, from the read model, up to the position that the projection writes together
 * with its rows. Versions are places in the log, the same in whichever table, so a cursor outlives restarts and rebuilds.
 *
 * The position goes back when the database is set back; a reader that is beyond it waits until it has come there again. An
 * event that was parked and redriven may be behind readers that have passed its place: only such an ending may a feed
 * leave out.
 */

export interface FeedPage {
  readonly endings: Ending[];
  /** Behind the last of them, or behind everything that there is when these are all. */
  readonly next: FeedCursor;
}

export interface FeedRead {
  readonly tenantId: string;
  /** Behind version 0 are the endings that are not older than its time. */
  readonly after: FeedCursor;
  readonly types: readonly WebhookEventType[];
  readonly limit: number;
}

export interface Feed {
  /** Behind everything that can be shown at this moment. @throws LogUnavailable */
  latest(): Promise<FeedCursor>;
  /** @throws LogUnavailable; Refusal database_unavailable, and cursor_expired for a place in a log that was lost */
  read(wanted: FeedRead): Promise<FeedPage>;
  /** Tells when there may be more to read. */
  follow(tenantId: string, signals: readonly AbortSignal[]): FeedChanges;
}

export interface FeedChanges extends Disposable {
  /**
   * Resolves once the table has what was stored since the last call, or now and then, since hints get lost; `over` once
   * the time is, a signal was aborted or the process stops.
   */
  next(untilMs: number): Promise<'look' | 'over'>;
}

interface FeedDeps {
  readonly bus: { readonly jobs: Pick<Bus['jobs'], 'onStored' | 'reach'> };
  readonly table: EndingsTable;
  readonly now: () => number;
  readonly stopping: AbortSignal;
  readonly reads: Pick<TenantReads, 'inTurn'>;
}

/** How old a floor an answer may be made from. So Postgres is asked at most twenty times a second. */
const FLOOR_AGE_MS = 50;
const LOOK_ANYWAY_MS = 10_000;
const READS_AT_ONCE = 8;
const MAX_PAGE_CHARACTERS = 2_000_000;

export function createFeed({ bus, table, now, stopping, reads }: FeedDeps): Feed {
  const turns = createLimiter(READS_AT_ONCE);
  // The tenant's turn comes first: whoever waits for it blocks nobody else.
  const inTurn = <T>(tenantId: string, read: () => Promise<T>) => reads.inTurn(tenantId, () => turns(read));
  const floor = createFloor(table);
  let began: number | undefined;
  /** Never changes: a process does not outlive its log. */
  const beganAt = async () => {
    began ??= (await bus.jobs.reach()).beganAt;
    return began;
  };
  return {
    async latest() {
      return { version: await floor(), atMs: now() };
    },
    read: ({ tenantId, after, types, limit }) =>
      inTurn(tenantId, async () => {
        const atMs = now();
        const above = after.version;
        if (above > 0 && above < (await beganAt()) - 1) throw new Refusal('cursor_expired');
        const upTo = await floor();
        const statuses = types.map((type) => type.slice('job.'.length) as JobStatus);
        const sinceMs = above === 0 ? after.atMs : undefined;
        const endings = await table.read({ tenantId, above, upTo, sinceMs, statuses, limit });
        const kept = cutToSize(endings);
        const last = kept.at(-1);
        if (last && (endings.length === limit || kept.length < endings.length)) {
          return { endings: kept, next: { version: last.version, atMs: last.finishedAt.getTime() } };
        }
        return { endings, next: upTo > after.version ? { version: upTo, atMs } : after };
      }),
    follow(tenantId, signals) {
      const over = AbortSignal.any([...signals, stopping]);
      let told = 0;
      let hintsLost = false;
      const bell = createBell(over);
      const stopListening = endingsOf(tenantId).map((subject) =>
        bus.jobs.onStored(storedSubject(subject), {
          onEvent: ({ version }) => {
            told = Math.max(told, version);
            bell.ring();
          },
          onGap: () => {
            hintsLost = true;
            bell.ring();
          },
        }),
      );
      return {
        async next(untilMs) {
          const lookAt = performance.now() + LOOK_ANYWAY_MS;
          for (;;) {
            const nowMs = performance.now();
            if (over.aborted || nowMs >= untilMs) return 'over';
            if (nowMs >= lookAt || hintsLost) {
              hintsLost = false;
              return 'look';
            }
            if (told > 0 && (await floor()) >= told) {
              told = 0;
              return 'look';
            }
            await bell.sleep(
              Math.min(told > 0 ? FLOOR_AGE_MS : LOOK_ANYWAY_MS, untilMs - nowMs, lookAt - nowMs),
            );
          }
        },
        [Symbol.dispose]() {
          for (const stop of stopListening) stop();
          bell.ring();
        },
      };
    },
  };
}

/** Pages of large metadata end early. */
function cutToSize(endings: Ending[]): Ending[] {
  let characters = 0;
  const end = endings.findIndex(({ metadata, resource }, index) => {
    characters += JSON.stringify([metadata, resource]).length;
    return index > 0 && characters > MAX_PAGE_CHARACTERS;
  });
  return end === -1 ? endings : endings.slice(0, end);
}

/** How far the table reaches, asked for once for all who want to know it at the same time. */
function createFloor(table: EndingsTable): () => Promise<number> {
  let asked: Promise<number> | undefined;
  let askedAt = Number.NEGATIVE_INFINITY;
  return () => {
    if (!asked || performance.now() - askedAt > FLOOR_AGE_MS) {
      askedAt = performance.now();
      asked = readFloor(table);
      asked.catch(() => {
        askedAt = Number.NEGATIVE_INFINITY;
      });
    }
    return asked;
  };
}

async function readFloor(table: EndingsTable): Promise<number> {
  const version = await table.readUpTo();
  if (version === undefined) throw new LogUnavailable('no projection has run yet');
  return version;
}
