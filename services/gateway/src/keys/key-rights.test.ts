import { expect, test } from 'vitest';
import { excessOf, type KeyRights, mayDoNoMore, outlives } from './key-rights.ts';

const ALL: KeyRights = {};
const NOTHING: KeyRights = { scopes: [], actions: [] };
const SOME: KeyRights = {
  scopes: ['jobs:read', 'keys:write'],
  actions: ['simulate'],
  metadata_filter: { region: 'north' },
  expires_at: '2999-01-01T00:00:00.000Z',
};

test('a key without limits may pass on everything, one with limits itself', () => {
  for (const key of [ALL, NOTHING, SOME]) {
    expect(excessOf(key, ALL)).toEqual([]);
    expect(excessOf(key, key)).toEqual([]);
  }
  expect(mayDoNoMore(ALL, NOTHING)).toBe(false);
  expect(mayDoNoMore(NOTHING, SOME)).toBe(false);
});

test('all that is too much is named', () => {
  const asked: KeyRights = {
    scopes: ['runs:write', 'jobs:read'],
    actions: ['simulate', 'other'],
    metadata_filter: { of: 'u-1' },
  };
  expect(excessOf(asked, SOME).map(({ pointer }) => pointer)).toEqual([
    ...['#/scopes/0', '#/actions/1', '#/metadata_filter/region', '#/expires_at'],
  ]);
});

test('names of a filter are taken literally', () => {
  const own: KeyRights = { metadata_filter: { 'a/b ~': 'x' } };
  expect(excessOf(ALL, own)[0]?.pointer).toBe('#/metadata_filter/a~1b%20~0');
  expect(mayDoNoMore({ metadata_filter: { 'a/b ~': 'x' } }, own)).toBe(true);
  const inherited: KeyRights = { metadata_filter: { constructor: 'Object' } };
  expect(mayDoNoMore({ metadata_filter: { of: 'u-1' } }, inherited)).toBe(false);
});

test('instants are compared whatever their offset', () => {
  const own: KeyRights = { expires_at: '2999-01-01T00:00:00Z' };
  expect(outlives({ expires_at: '2999-01-01T00:30:00+01:00' }, own)).toBe(false);
  expect(outlives({ expires_at: '2998-12-31T23:30:00-01:00' }, own)).toBe(true);
  expect(outlives(own, ALL)).toBe(false);
  expect(outlives(ALL, own)).toBe(true);
});
