import { expect, test } from 'vitest';
import { secretHeaderErrors } from './secret-headers.ts';

const errorsOf = (headers: Record<string, string>, hasBasicAuth = false) =>
  secretHeaderErrors(headers, { hasBasicAuth }).map(({ pointer, code }) => `${pointer} ${code}`);

test('headers of a receiver’s own are accepted', () => {
  expect(errorsOf({ 'X-Api-Key': 'k', Authorization: 'Bearer a b' })).toEqual([]);
});

test.each([
  ...['Host', 'content-length', 'Content-Type', 'content-encoding', 'transfer-encoding', 'connection'],
  ...['keep-alive', 'te', 'trailer', 'upgrade', 'expect', 'proxy-authorization', 'forwarded', 'user-agent'],
  ...['x-forwarded-for', 'webhook-id', 'errand-attempt', 'metadata', 'Metadata-Flavor', 'x-amz-date'],
  ...['x-aws-ec2-metadata-token', 'x-amzn-trace-id', 'x-goog-api-key', 'x-google-x', 'x-azure-a'],
])('%s is refused', (name) => {
  expect(errorsOf({ [name]: 'x' })).toEqual([`#/secret_headers/${name} refused_header`]);
});

test('authorization is refused beside basic auth only', () => {
  expect(errorsOf({ Authorization: 'x' }, true)).toEqual(['#/secret_headers/Authorization refused_header']);
});

test.each(['', ' x', 'x ', 'a\r\nb', 'a\0b', 'é', '\t'])('the value %j is refused', (value) => {
  expect(errorsOf({ 'x-a': value })).toEqual(['#/secret_headers/x-a format']);
});

test('names that are no tokens, or come twice, are refused', () => {
  expect(errorsOf({ 'a b': 'x', 'X-A': '1', 'x-a': '2' })).toEqual([
    '#/secret_headers/a%20b invalid_property_name',
    '#/secret_headers/x-a duplicate',
  ]);
});

test('number and size are limited', () => {
  const many = Object.fromEntries(Array.from({ length: 21 }, (_, index) => [`x-${index}`, 'v']));
  expect(errorsOf(many)).toEqual(['#/secret_headers max_properties']);
  expect(errorsOf({ 'x-a': 'v'.repeat(4_097) })).toEqual(['#/secret_headers/x-a max_length']);
  const large = Object.fromEntries(Array.from({ length: 5 }, (_, i) => [`x-${i}`, 'v'.repeat(4_000)]));
  expect(errorsOf(large)).toEqual(['#/secret_headers max_length']);
});
