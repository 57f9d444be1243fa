import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  fillResource,
  keyedPlaceOf,
  matchResource,
  parseActionPath,
  parseResourceTemplate,
  rawPathOf,
} from './action-path.ts';

const DESIGNS = parseResourceTemplate('designs/{design_id}');

test('a path is taken apart from its end', () => {
  expect(parseActionPath('/v2/tenants/acme/designs/d-1/simulate/run')).toEqual({
    action: 'simulate',
    verb: 'run',
    resource: ['designs', 'd-1'],
    prefix: '/v2/tenants/acme/designs/d-1/simulate',
  });
  expect(parseActionPath('/v2/tenants/acme/report/status')?.resource).toEqual([]);
});

test.each(['/v2/tenants/acme/run', '/v2/tenants/acme', '/', '/v2/tenants/acme/designs//run'])(
  'nothing is named by %s',
  (path) => {
    expect(parseActionPath(path)).toBeUndefined();
  },
);

test('the raw path of a URL is what was sent, without query', () => {
  expect(rawPathOf('http://host:80/a%2Fb/c?d=/e')).toBe('/a%2Fb/c');
  expect(rawPathOf('http://host/')).toBe('/');
});

test('a template of several parameters is matched word by word', () => {
  const template = parseResourceTemplate('sites/{site_id}/roofs/{roof_id}');
  expect(matchResource(template, ['sites', '1', 'roofs', 'a%20b'])).toEqual({
    kind: 'matched',
    parameters: { site_id: '1', roof_id: 'a b' },
  });
  expect(matchResource(template, ['sites', '1', 'walls', '2']).kind).toBe('mismatched');
  expect(matchResource(template, ['sites', '1']).kind).toBe('mismatched');
});

test('an empty template matches an empty resource', () => {
  expect(matchResource(parseResourceTemplate(''), [])).toEqual({ kind: 'matched', parameters: {} });
});

test.each(['%00', '%0a', '%7f', '%ff', '%', 'x'.repeat(201)])('the parameter %s is invalid', (sent) => {
  expect(matchResource(DESIGNS, ['designs', sent])).toMatchObject({
    kind: 'invalid',
    errors: [{ parameter: 'design_id' }],
  });
});

test('a parameter that is filled into the path is read back as it was', () => {
  const value = fc.string({ minLength: 1, maxLength: 100, unit: 'grapheme' });
  fc.assert(
    fc.property(value, (design_id) => {
      fc.pre(!/\p{Cc}/u.test(design_id) && design_id.length <= 200);
      const words = fillResource(DESIGNS, { design_id })?.split('/').slice(1) ?? [];
      expect(matchResource(DESIGNS, words)).toEqual({ kind: 'matched', parameters: { design_id } });
    }),
  );
});

test('a resource that lacks a parameter has no path', () => {
  expect(fillResource(DESIGNS, {})).toBeUndefined();
});

test.each([
  ['/v2/tenants/a/designs/d-1/simulate/run', '/v2/tenants/a/plans/d%2D1/simul%61te/run', true],
  ['/v2/tenants/a/designs/d-1/simulate/run?x', '/v2/tenants/a/designs/d-1/simulate/run', true],
  ['/v2/tenants/a/designs/d-1/simulate/run', '/v2/tenants/a/designs/d-2/simulate/run', false],
  ['/v2/tenants/a/designs/d-1/simulate/run', '/v2/tenants/a/simulate/run', false],
  ['/v2/tenants/a/a/1/b/2/simulate/run', '/v2/tenants/a/a/1%2F2/simulate/run', false],
  ['/v2/tenants/a/jobs/j-1/retry', '/v2/tenants/a/jobs/j-2/retry', false],
])('%s and %s are one place to a key: %s', (one, other, isSame) => {
  expect(keyedPlaceOf(`http://h${one}`) === keyedPlaceOf(`http://h${other}`)).toBe(isSame);
});
