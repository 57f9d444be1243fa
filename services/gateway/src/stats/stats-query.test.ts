import { expect, test } from 'vitest';
import { Refusal } from '../http/problem.ts';
import { readStatsQuery } from './stats-query.ts';

const NOW = Date.UTC(2026, 0, 31, 12, 34, 56);
const at = (...[day, hour, minute]: [number, number, number]) => Date.UTC(2026, 0, day, hour, minute);

function read(search: string, only = {}) {
  return readStatsQuery(new URLSearchParams(search), NOW, only);
}

function wrong(search: string) {
  try {
    read(search);
    return [];
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return [...(error.options.errors ?? [])].map(({ parameter }) => parameter);
  }
}

test('without parameters it is the last hour, by the minute and of all actions', () => {
  expect(read('')).toEqual({
    step: 'minute',
    fromMs: at(31, 11, 34),
    toMs: at(31, 12, 35),
    keptSinceMs: NOW - 7 * 86_400_000,
    actions: undefined,
  });
});

test.each([
  ['from=2026-01-31T06:34:56Z', 'minute', at(31, 6, 34), at(31, 12, 35)],
  ['from=2026-01-31T06:34:55Z', 'hour', at(31, 6, 0), at(31, 13, 0)],
  ['from=2026-01-30T12:34:56Z&to=2026-01-30T13:00:00Z', 'minute', at(30, 12, 34), at(30, 13, 0)],
  ['from=2026-01-30T12:34:55Z&to=2026-01-30T13:00:00Z', 'hour', at(30, 12, 0), at(30, 13, 0)],
  ['from=2026-01-24T12:34:56Z', 'hour', at(24, 12, 0), at(31, 13, 0)],
  ['to=2026-01-31T10:00:00Z', 'minute', at(31, 9, 0), at(31, 10, 0)],
  ['from=2026-01-31T12:00:00Z&to=2030-01-31T10:00:00Z', 'minute', at(31, 12, 0), at(31, 12, 35)],
])('%s goes by the %s, in whole steps', (search, step, fromMs, toMs) => {
  expect(read(search)).toMatchObject({ step, fromMs, toMs });
});

test('of the actions that are asked for, a key sees its own', () => {
  expect(read('action=a,b').actions).toEqual(['a', 'b']);
  expect(read('', { actions: ['b', 'c'] }).actions).toEqual(['b', 'c']);
  expect(read('action=a,b', { actions: ['b', 'c'] }).actions).toEqual(['b']);
  expect(read('action=a', { actions: ['b'] }).actions).toEqual([]);
});

test.each([
  ['from=yesterday', ['from']],
  ['from=2026-01-01T00:00:00Z', ['from']],
  ['to=2026-01-01T00:00:00Z', ['to']],
  ['from=0000-01-01T00:00:00Z', ['from']],
  ['from=2026-01-31T13:00:00Z', ['from']],
  ['from=2026-01-31T12:00:00Z&to=2026-01-31T12:00:00Z', ['to']],
  ['from=2026-01-31T12:00:00Z&from=2026-01-31T12:00:00Z', ['from']],
  ['action=No', ['action']],
  ['step=hour', ['step']],
  ['from=x&to=y&action=-', ['to', 'from', 'action']],
])('%s is refused, and what is wrong is named', (search, parameters) => {
  expect(wrong(search)).toEqual(parameters);
});
