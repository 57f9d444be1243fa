import { randomUUIDv7 } from 'node:crypto';
import type { StoredLink } from '@errand/bus';
import type { RecordedEvent } from '@errand/contracts';
import { decidedFacts, record } from '@errand/domain/testing';
import fc from 'fast-check';

/* Test-only: logs of several jobs, each of which did what jobs may do. */

export interface ArbitraryLog {
  /** In the order of their versions, which are their positions too. */
  readonly events: readonly RecordedEvent[];
  readonly links: readonly StoredLink[];
}

/** Histories of up to eight jobs, woven into each other. */
export const healthyLog: fc.Arbitrary<ArbitraryLog> = fc
  .array(fc.tuple(decidedFacts, fc.array(fc.nat(100), { minLength: 31, maxLength: 31 })), { maxLength: 8 })
  .map((jobs) => {
    const woven = jobs.flatMap(([facts, places]) => {
      const ref = { tenantId: 'acme', action: 'add', jobId: randomUUIDv7() };
      const sorted = places.toSorted((a, b) => a - b);
      return record(facts).map((recorded, index) => ({
        place: sorted[index] ?? 0,
        recorded: { ...recorded, ref },
      }));
    });
    const events = woven
      .sort((a, b) => a.place - b.place)
      .map(({ recorded }, index) => ({ ...recorded, version: index + 1 }));
    return { events, links: linksOf(events) };
  });

/** Each event was written under the guard of the one before it. */
function linksOf(events: readonly RecordedEvent[]): StoredLink[] {
  const newest = new Map<string, number>();
  return events.map(({ ref, version, event }) => {
    const expectedVersion = newest.get(ref.jobId) ?? 0;
    newest.set(ref.jobId, version);
    return { ref, version, type: event.type, expectedVersion };
  });
}
