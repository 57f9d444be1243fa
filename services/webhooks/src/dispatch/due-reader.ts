import type { Db } from '@errand/postgres';
import { type DueDelivery, idOf } from '../delivery-rows.ts';
import type { Pacer } from '../pacing/pacer.ts';
import type { Read } from '../pacing/queue-pages.ts';
import { readPages } from './due-rows.ts';

/** Makes the reads that a pacer wants, and tells it what they found. */
export interface DueReader {
  read(reads: readonly Read<DueDelivery>[]): void;
  stop(): void;
}

/** Queues whose pages are read by one statement. */
const PAGES_AT_ONCE = 64;

export function createDueReader(deps: {
  db: Db;
  now: () => number;
  pacer: Pick<Pacer<DueDelivery>, 'readDone' | 'readFailed'>;
  /** Ids of deliveries whose attempt is not over: their rows are passed over. */
  inHand: ReadonlySet<string>;
  onPages: () => void;
  /** Is given each promise of reads that begin; it may reject. */
  onReading: (reading: Promise<void>) => void;
}): DueReader {
  const { db, now, pacer, inHand, onPages } = deps;
  let wanted: Read<DueDelivery>[] = [];
  let reading = false;
  let stopped = false;

  async function readSome(reads: readonly Read<DueDelivery>[]): Promise<void> {
    // Attempts under way now may be over when the rows come, and the rows may be as they were before.
    const inHandBefore = new Set(inHand);
    try {
      const pages = await readPages(
        db,
        reads.map(({ queue: { shard, endpointId }, limit, after, fresh }) => ({
          shard,
          endpointId,
          limit,
          after,
          fresh,
        })),
        now(),
      );
      for (const [index, read] of reads.entries()) {
        const page = pages[index] ?? { oldest: [], newest: [] };
        const held = [...page.oldest, ...page.newest].filter((row) => {
          const id = idOf(row);
          return inHand.has(id) || inHandBefore.has(id);
        });
        const passOver = new Set([...read.passOver, ...held.map(({ event_id }) => event_id)]);
        pacer.readDone({ ...read, passOver }, page, now());
      }
    } catch (error) {
      for (const read of reads) pacer.readFailed(read);
      throw error;
    }
  }

  /** Those that are wanted meanwhile go together into the next statement. */
  async function readAll(): Promise<void> {
    reading = true;
    try {
      while (wanted.length > 0 && !stopped) {
        const reads = wanted.slice(0, PAGES_AT_ONCE);
        wanted = wanted.slice(PAGES_AT_ONCE);
        await readSome(reads);
        onPages();
      }
    } finally {
      reading = false;
    }
  }

  return {
    read(reads) {
      wanted.push(...reads);
      if (!reading && wanted.length > 0) deps.onReading(readAll());
    },
    stop() {
      stopped = true;
    },
  };
}
