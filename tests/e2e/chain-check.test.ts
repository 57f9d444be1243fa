import { describe, expect, test } from 'vitest';
import { type ChainViolation, checkChains, type StoredEvent, type WrittenEvent } from './chain-check.ts';

const stored: StoredEvent[] = [
  { jobId: 'a', version: 1, eventId: 'a-requested', type: 'JobRequested' },
  { jobId: 'b', version: 2, eventId: 'b-requested', type: 'JobRequested' },
  { jobId: 'a', version: 3, eventId: 'a-started', type: 'JobStarted' },
  { jobId: 'a', version: 5, eventId: 'a-succeeded', type: 'JobSucceeded' },
];
const written: [string, WrittenEvent][] = [
  ['a-requested', acknowledged(0, 1)],
  ['b-requested', acknowledged(0, 2)],
  ['a-started', acknowledged(1, 3)],
  ['a-progressed', { expectedVersion: 1, outcome: { kind: 'refused' } }],
  ['a-lost', { expectedVersion: 3, outcome: { kind: 'unknown' } }],
  ['a-succeeded', { expectedVersion: 3, outcome: { kind: 'unknown' } }],
];

function acknowledged(expectedVersion: number, version: number): WrittenEvent {
  return { expectedVersion, outcome: { kind: 'acknowledged', version } };
}

function kinds(
  more: StoredEvent[],
  writes: [string, WrittenEvent][] = [],
  base: StoredEvent[] = stored,
): ChainViolation['kind'][] {
  return checkChains([...more, ...base], new Map([...written, ...writes])).map(({ kind }) => kind);
}

describe('the chain check', () => {
  test('finds nothing in a log of whole chains, even if an answer was lost', () => {
    expect(checkChains(stored, new Map(written))).toEqual([]);
  });

  test('finds an event that does not follow what its writer had seen', () => {
    const unguarded = { jobId: 'a', version: 4, eventId: 'a-unguarded', type: 'JobProgressed' } as const;
    // Its writer had seen version 1; the ending after it was to follow version 3.
    expect(kinds([unguarded], [['a-unguarded', acknowledged(1, 4)]])).toEqual(['broken_link', 'broken_link']);
  });

  test('finds a second ending and any other event after the first', () => {
    const more: StoredEvent[] = [
      { jobId: 'a', version: 6, eventId: 'a-failed', type: 'JobFailed' },
      { jobId: 'a', version: 7, eventId: 'a-late', type: 'JobProgressed' },
    ];
    const writes: [string, WrittenEvent][] = [
      ['a-failed', acknowledged(5, 6)],
      ['a-late', acknowledged(6, 7)],
    ];
    expect(kinds(more, writes)).toEqual(['second_ending', 'event_after_ending']);
  });

  test('finds an acknowledged event that is missing', () => {
    expect(kinds([], [['a-gone', acknowledged(5, 6)]])).toEqual(['acknowledged_but_missing']);
  });

  test('finds an acknowledged event under another version than the acknowledged one', () => {
    expect(kinds([], [['a-started', acknowledged(1, 9)]])).toEqual(['stored_elsewhere']);
  });

  test('finds an event that is stored although its writer was told of a conflict', () => {
    const denied = { jobId: 'b', version: 8, eventId: 'b-started', type: 'JobStarted' } as const;
    expect(kinds([denied], [['b-started', { expectedVersion: 2, outcome: { kind: 'refused' } }]])).toEqual([
      'refused_but_stored',
    ]);
  });

  test('finds an event that nobody wrote', () => {
    expect(kinds([{ jobId: 'b', version: 8, eventId: 'b-alien', type: 'JobStarted' }])).toEqual([
      'unwritten',
    ]);
  });

  test('finds an event that is stored twice', () => {
    const again = { jobId: 'b', version: 8, eventId: 'b-requested', type: 'JobRequested' } as const;
    expect(kinds([again])).toEqual(['stored_twice', 'broken_link', 'stored_elsewhere', 'not_one_request']);
  });

  test('finds a job that was requested twice or never', () => {
    const second = { jobId: 'b', version: 8, eventId: 'b-second', type: 'JobRequested' } as const;
    expect(kinds([second], [['b-second', acknowledged(2, 8)]])).toEqual(['not_one_request']);
    const orphan = { jobId: 'c', version: 8, eventId: 'c-started', type: 'JobStarted' } as const;
    expect(kinds([orphan], [['c-started', acknowledged(0, 8)]])).toEqual(['not_one_request']);
  });
});
