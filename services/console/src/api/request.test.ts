import { expect, test } from 'vitest';
import { pathTo, queryOf } from './request.ts';

test('a value is one segment of a path, whatever is in it', () => {
  expect(pathTo`/v2/tenants/${'acme'}/jobs/${'a/../b?c#d'}`).toBe('/v2/tenants/acme/jobs/a%2F..%2Fb%3Fc%23d');
  expect(pathTo`/v2/tenants/${'ü'}`).toBe('/v2/tenants/%C3%BC');
});

test.each(['', '.', '..'])('%j is no segment', (value) => {
  expect(() => pathTo`/v2/tenants/${value}/jobs`).toThrow('no such page');
});

test('an empty value is sent, an absent one is not', () => {
  expect(queryOf({ a: '', b: undefined, c: 1 })).toBe('?a=&c=1');
  expect(queryOf({ a: undefined })).toBe('');
});
