import { randomUUIDv7 } from 'node:crypto';
import { expect, test } from 'vitest';
import { cursorOf } from '../../http/read-query.ts';
import { readListQuery } from './list-query.ts';

const NOW = Date.UTC(2026, 0, 31, 12);
const WEEK_AGO = idAt(Date.UTC(2026, 0, 24, 12) + 1);

/** The first id of a millisecond, which its first 48 bits are. */
function idAt(timeMs: number): string {
  const hex = timeMs.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

function read(search: string) {
  return readListQuery(new URLSearchParams(search), NOW);
}

function wrong(search: string): string[] {
  const result = read(search);
  return result.kind === 'invalid' ? result.errors.map(({ parameter }) => parameter ?? '') : [];
}

test('without parameters every job that has not expired is wanted, fifty at a time', () => {
  expect(read('')).toEqual({
    kind: 'query',
    query: {
      statuses: [],
      actions: [],
      sources: [],
      metadata: new Map(),
      fromId: WEEK_AGO,
      belowId: undefined,
      limit: 50,
    },
  });
});

test('several values are separated by commas or repeated', () => {
  expect(read('status=failed,expired&status=failed&action=a,b&source=retry')).toMatchObject({
    query: { statuses: ['failed', 'expired'], actions: ['a', 'b'], sources: ['retry'] },
  });
});

test('metadata entries may have dots in their keys', () => {
  expect(read('metadata.order=7&metadata.a.b=')).toMatchObject({
    query: {
      metadata: new Map([
        ['order', '7'],
        ['a.b', ''],
      ]),
    },
  });
});

test('times become bounds of ids, with a plus sign that became a space', () => {
  expect(read('created_after=2026-01-31T10:00:00Z&created_before=2026-01-31T13:00:00 01:00')).toMatchObject({
    query: {
      fromId: idAt(Date.UTC(2026, 0, 31, 10)),
      belowId: idAt(Date.UTC(2026, 0, 31, 12)),
    },
  });
  expect(read('created_after=2020-01-01T00:00:00Z')).toMatchObject({ query: { fromId: WEEK_AGO } });
});

test('a cursor is read back as its id, and the lower bound of cursor and created_before counts', () => {
  const id = randomUUIDv7();
  expect(read(`cursor=${cursorOf(id)}`)).toMatchObject({ query: { belowId: id } });
  const past = 'created_before=2026-01-31T10:00:00Z';
  const lower = read(`cursor=${cursorOf(id)}&${past}`);
  expect(lower).toMatchObject(read(past));
});

test.each([
  ['status=done', 'status'],
  ['status=', 'status'],
  ['status=failed,,queued', 'status'],
  ['action=No', 'action'],
  ['source=web', 'source'],
  ['created_after=yesterday', 'created_after'],
  ['created_before=2026-01-31', 'created_before'],
  ['limit=0', 'limit'],
  ['limit=201', 'limit'],
  ['limit=ten', 'limit'],
  ['limit=1&limit=2', 'limit'],
  ['cursor=', 'cursor'],
  ['cursor=abc', 'cursor'],
  [`cursor=${'A'.repeat(22)}`, 'cursor'],
  ['metadata.=1', 'metadata.'],
  ['metadata.a=%00', 'metadata.a'],
  ['metadata.a=1&metadata.a=2', 'metadata.a'],
  [Array.from({ length: 21 }, (_, key) => `metadata.k${key}=v`).join('&'), 'metadata'],
  [`metadata.a=${'x'.repeat(501)}`, 'metadata.a'],
  ['stauts=failed', 'stauts'],
])('%s names %s', (search, parameter) => {
  expect(wrong(search)).toEqual([parameter]);
});

test('all wrong parameters are named at once', () => {
  expect(wrong('status=done&limit=0&colour=red')).toEqual(['status', 'limit', 'colour']);
});
