import { expect, test } from 'vitest';
import { Declaration } from '../declaration.ts';
import { fillUrl, urlMistakes } from './url-template.ts';

test.each([
  ['http://h/{a}/x?q={b}', { a: 'a b', b: '&=/../' }, 'http://h/a%20b/x?q=%26%3D%2F..%2F'],
  ['http://h/{a}?q={a}', { a: 7 }, 'http://h/7?q=7'],
  ['http://h/{a}.json', { a: '.' }, 'http://h/..json'],
  ['http://h/{a/b}?{q?}=1', { 'a/b': 'x', 'q?': 'y' }, 'http://h/x?y=1'],
])('%s is filled with %j', (template, values, url) => {
  expect(fillUrl(template, values)).toBe(url);
});

test.each(['', '.', '..'])('%j in the query leads nowhere', (value) => {
  expect(fillUrl('http://h/x?a={v}&b=/{v}/y', { v: value })).toBe(`http://h/x?a=${value}&b=/${value}/y`);
});

test.each([
  ['http://h/customers/{id}', { id: '' }, ['id']],
  ['http://h/a/b/.{id}/{e}', { id: '', e: '' }, ['id']],
  ['http://h/a/b/.{id}/{e}', { id: 'x', e: '' }, ['e']],
  ['http://h/a/b/.{id}/{e}', { id: '.', e: 'x' }, ['id']],
  ['http://h/a/b/{id}.{e}/x', { id: '', e: '.' }, ['id']],
  ['http://h/a/b/{id}{e}/x', { id: '.', e: '.' }, ['id', 'e']],
  ['http://h/a/{id}/x', { id: '.' }, ['id']],
  ['http://h/a/{id}', { id: '..' }, ['id']],
  ['http://h/a/%2e{id}/x', { id: '.' }, ['id']],
  // What follows a semicolon is no part of the name to servers that know path parameters.
  ['http://h/a/{id};v=1/x', { id: '..' }, ['id']],
  ['http://h/a/x?q={id}', { id: '\ud800' }, ['id']],
  // Servers that decode %2F and %5C resolve what is between them.
  ['http://h/a/{id}', { id: '../../../admin/secret.json' }, ['id']],
  ['http://h/a/{id}', { id: 'x/y' }, ['id']],
  ['http://h/a/{id}/{e}', { id: 'x', e: '..\\x' }, ['e']],
])('%s refuses %j for good, and names the parameter', (template, values, names) => {
  const details = names.map((parameter) => ({ parameter }));
  const fill = () => fillUrl(template, values);
  expect(fill).toThrow(
    expect.objectContaining({ name: 'PermanentError', code: 'invalid_parameter', details }),
  );
});

test('slashes are sent where the declaration allows them, and never dots between them', () => {
  const fill = (a: string) => fillUrl('http://h/{a}/x', { a }, { allowSlashes: true });
  expect(fill('a/b')).toBe('http://h/a%2Fb/x');
  for (const value of ['a/../b', '../a', 'a/..', 'a\\.\\b', '..;v=1/a']) {
    expect(() => fill(value)).toThrow(expect.objectContaining({ code: 'invalid_parameter' }));
  }
});

/** What a URL is refused for, beside a resource `a/{a}` and an input. */
function mistakesIn(url: string, input: Record<string, unknown> = {}): string[] {
  const declaration = Declaration.parse({ resource: 'a/{a}', input, http: { url } });
  return urlMistakes(url, declaration).map(({ message }) => message);
}

test.each([
  ['http:///{a}/x', 'has no host'],
  ['https:///', 'has no host'],
  ['http://?q={a}', 'has no host'],
  ['http://:80/{a}', 'is not a URL'],
  ['http://{a}/x', 'must not have a parameter in the host'],
  ['http://h{a}/x', 'must not have a parameter in the host'],
  ['http://h:{a}/x', 'must not have a parameter in the host'],
  ['http://{a}@h/x', 'must not have a parameter in the host'],
  ['http://h\\{a}/x', 'must not have a parameter in the host'],
  ['http://u:p@h/x', expect.stringMatching(/must not contain credentials/)],
  ['http://u@h/x', expect.stringMatching(/must not contain credentials/)],
  ['http://@h/x', expect.stringMatching(/must not contain credentials/)],
  ['http://h:99999/x', 'is not a URL'],
  ['http://h/a\\{a}', 'is not a URL'],
  ['http://h/a\u0001{a}', 'is not a URL'],
  ['http://h/%{a}', 'has a % without two hex digits after it'],
  ['http://h/%2{a}', 'has a % without two hex digits after it'],
  ['http://h/a/../{a}', 'has . or .. in its path'],
  ['http://h/a/%2E%2e/{a}', 'has . or .. in its path'],
])('%s is refused', (url, words) => {
  expect(mistakesIn(url)).toEqual([words]);
});

test.each(['http://h/{a}', 'https://h:8443/{a}?q={a}', 'http://[::1]:80/{a}', 'http://h/@{a}?q=..&r=%20'])(
  '%s is taken',
  (url) => {
    expect(mistakesIn(url)).toEqual([]);
  },
);

test.each([
  [{ properties: null }, '{b} is in neither the resource nor the input'],
  [{ properties: { b: null }, required: ['b'] }, expect.stringMatching(/\{b\} must be of type/)],
  [{ properties: { b: { type: 'string' } }, required: 5 }, '{b} must be required in the input'],
])('a schema that is none hides no mistake in a URL: %j', (input, words) => {
  expect(mistakesIn('http://h/{b}', input)).toEqual([words]);
});
