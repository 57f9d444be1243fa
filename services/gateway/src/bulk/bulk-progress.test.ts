import { randomUUIDv7 } from 'node:crypto';
import { BULK_MAX_FAILURES, BulkAction } from '@errand/contracts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  aborted,
  begun,
  counted,
  ended,
  type ItemOutcome,
  isFree,
  leased,
  resumed,
} from './bulk-progress.ts';

const NOW = Date.UTC(2026, 0, 31);
const ids = (count: number) => Array.from({ length: count }, () => randomUUIDv7()).sort();
const FAILED: ItemOutcome = { kind: 'failed', code: 'input_gone', detail: 'x'.repeat(600) };

function action(change: Partial<BulkAction> = {}): BulkAction {
  return {
    tenant_id: 'acme',
    bulk_id: randomUUIDv7(),
    action: 'retry',
    filter: { status: ['failed'] },
    up_to: 7,
    only: {},
    created_by: 'ci',
    actor: 'key:1',
    created_at: new Date(NOW).toISOString(),
    started_at: null,
    ended_at: null,
    state: 'running',
    matched: 3,
    counts: { done: 0, skipped: 0, failed: 0 },
    skips: {},
    failures: [],
    cursor: null,
    page: null,
    lease: null,
    ...change,
  };
}

test('only one that runs and that nobody holds is free', () => {
  expect(isFree(action(), NOW)).toBe(true);
  expect(isFree(action({ state: 'aborted' }), NOW)).toBe(false);
  const held = leased(action(), { owner: 'a', nowMs: NOW, leaseMs: 10 });
  expect([isFree(held, NOW + 9), isFree(held, NOW + 10)]).toEqual([false, true]);
  expect(isFree(ended(held, NOW), NOW + 10)).toBe(false);
});

test('whatever is noted down in which order, each job is counted once, and none before those in front of it', () => {
  const outcome = fc.constantFrom<ItemOutcome>(
    { kind: 'done' },
    { kind: 'skipped', reason: 'not_ended' },
    FAILED,
  );
  fc.assert(
    fc.property(fc.array(outcome, { maxLength: 40 }), fc.infiniteStream(fc.nat()), (outcomes, order) => {
      const jobIds = ids(outcomes.length);
      let own = begun(action(), { jobIds, nowMs: NOW });
      const known = new Map<string, ItemOutcome>();
      const rest = [...jobIds.entries()];
      while (rest.length > 0) {
        const [index, id] = rest.splice((order.next().value ?? 0) % rest.length, 1)[0] ?? [0, ''];
        known.set(id, outcomes[index] ?? { kind: 'done' });
        // Also twice: an answer to the first write may have been lost.
        own = counted(counted(own, known), known);
        const { done, skipped, failed } = own.counts;
        const over = jobIds.findIndex((each) => !known.has(each));
        expect(done + skipped + failed).toBe(over === -1 ? jobIds.length : over);
        expect(BulkAction.safeParse(own).success).toBe(true);
      }
      expect(own.page).toEqual(jobIds.length === 0 ? { at_ms: NOW, job_ids: [] } : null);
      expect(own.cursor).toBe(jobIds.at(-1) ?? null);
      expect(own.failures.length).toBe(Math.min(own.counts.failed, BULK_MAX_FAILURES));
      expect(own.skips.not_ended ?? 0).toBe(own.counts.skipped);
    }),
  );
});

test('a page that is not done stays the page, with its time', () => {
  const first = begun(action(), { jobIds: ids(2), nowMs: NOW });
  expect(begun(first, { jobIds: ids(2), nowMs: NOW + 5 })).toBe(first);
});

test('abort and resume change only what they can, and may be repeated', () => {
  const running = action();
  const stopped = aborted(running, NOW);
  expect(stopped).toMatchObject({ state: 'aborted', ended_at: new Date(NOW).toISOString() });
  expect(aborted(stopped, NOW + 1)).toBe(stopped);
  expect(resumed(stopped)).toEqual(running);
  expect(resumed(running)).toBe(running);
  const done = ended(running, NOW);
  expect([aborted(done, NOW), resumed(done)]).toEqual([done, done]);
});
