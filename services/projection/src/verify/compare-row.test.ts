import type { RecordedEvent } from '@errand/contracts';
import { foldJob, type JobState } from '@errand/domain';
import { anyFacts, record } from '@errand/domain/testing';
import { throughRow } from '@errand/postgres';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { differingGroups, groupsAgainstHistory } from './compare-row.ts';

/** Events as the log gives them back. */
function fromJson(events: readonly RecordedEvent[]): RecordedEvent[] {
  return JSON.parse(JSON.stringify(events));
}

test('a row that any events lead to does not differ from their fold', () => {
  fc.assert(
    fc.property(anyFacts, (facts) => {
      const events = fromJson(record(facts));
      const state = foldJob(events);
      if (!state) return;
      expect(differingGroups(throughRow(state), state)).toEqual([]);
      expect(groupsAgainstHistory(throughRow(state), events, state.version)).toEqual([]);
    }),
  );
});

test('a row that has taken in any of the events behind those it must have does not differ either', () => {
  const withMask = anyFacts.chain((facts) =>
    fc.tuple(
      fc.constant(fromJson(record(facts))),
      fc.nat(facts.length - 1),
      fc.array(fc.boolean(), { minLength: facts.length, maxLength: facts.length }),
    ),
  );
  fc.assert(
    fc.property(withMask, ([events, upTo, mask]) => {
      const row = foldJob(events.filter((_, index) => index <= upTo || mask[index]));
      if (row) expect(groupsAgainstHistory(throughRow(row), events, events[upTo]?.version ?? 0)).toEqual([]);
    }),
  );
});

test('each group that is changed by hand is told, and so is a row that has missed an event', () => {
  const events = record([
    { type: 'JobStarted', data: { attempt: 1, executor_id: 'e' } },
    { type: 'JobProgressed', data: { attempt: 1, percent: 5 } },
    { type: 'JobSucceeded', data: { attempt: 1, result: 7, duration_ms: 1 } },
  ]);
  const state = foldJob(events);
  if (!state) throw new Error('no state');
  const outcome = { ...state.outcome, value: { result: 8, errors: [] } };
  const changed: [JobState, string][] = [
    [{ ...state, outcome }, 'outcome'],
    [{ ...state, attempt: { ...state.attempt, version: 9_999 } }, 'attempt'],
    [{ ...state, version: 9_999 }, 'version'],
    [{ ...state, tenantId: 'other' }, 'job'],
  ];
  for (const [row, group] of changed) {
    expect(differingGroups(row, state)).toEqual([group]);
    expect(groupsAgainstHistory(row, events, state.version)).toEqual([group]);
  }
  const behind = foldJob(events.slice(0, 2));
  expect(behind && groupsAgainstHistory(behind, events, state.version)).toContain('phase');
});
