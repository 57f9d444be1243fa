import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { collectPair, collectWords, readDuration, readJson, readText, readTime } from './read-values.ts';

test.each([
  ['500ms', 500],
  ['60s', 60_000],
  ['60', 60_000],
  ['1.5m', 90_000],
  ['2h', 7_200_000],
  ['1d', 86_400_000],
])('%s is %i ms', (text, ms) => {
  expect(readDuration(text)).toBe(ms);
});

test.each(['', '-1s', '1w', 's', '1 s', '1e3', 'Infinity'])('%j is not a duration', (text) => {
  expect(() => readDuration(text)).toThrow('It must be a duration');
});

test('a time is absolute, or a duration before or after now', () => {
  const now = () => Date.parse('2026-01-31T12:00:00Z');
  expect(readTime(-1, now)('2h')).toBe('2026-01-31T10:00:00.000Z');
  expect(readTime(1, now)('90s')).toBe('2026-01-31T12:01:30.000Z');
  expect(readTime(1, now)('2026-02-01T00:00:00+01:00')).toBe('2026-01-31T23:00:00.000Z');
  for (const wrong of [
    'soon',
    '7',
    '2026',
    '2026-13-01T00:00',
    '2026-02-31T00:00Z',
    '2025-02-29T00:00Z',
    '999999999d',
  ]) {
    expect(() => readTime(1, now)(wrong)).toThrow('It must be a time');
  }
});

test('pairs are collected, a value may hold an equals sign, and a name is required', () => {
  expect(collectPair('b=c=d', { a: '1' })).toEqual({ a: '1', b: 'c=d' });
  expect(() => collectPair('=c')).toThrow('It must be name=value');
  expect(collectWords('a,b', collectWords('c'))).toEqual(['c', 'a', 'b']);
});

test('texts come as they are, from a file or from stdin', async () => {
  expect(await readText('plain', Readable.from([]))).toBe('plain');
  expect(await readText('-', Readable.from([Buffer.from('from '), Buffer.from('stdin')]))).toBe('from stdin');
  expect(await readText(`@${import.meta.filename}`, Readable.from([]))).toContain('read-values.ts');
  await expect(readText('@/nowhere/file', Readable.from([]))).rejects.toThrow('/nowhere/file cannot be read');
  await expect(readJson('{', Readable.from([]), 'the input')).rejects.toThrow('the input is not JSON');
});

test('bytes that are not UTF-8 are refused, and a byte order mark is dropped', async () => {
  const stdin = (...bytes: number[]) => Readable.from([Buffer.from(bytes)], { objectMode: false });
  expect(await readText('-', stdin(0xef, 0xbb, 0xbf, 0x78))).toBe('x');
  await expect(readText('-', stdin(0x78, 0xff))).rejects.toThrow('stdin has bytes that are not UTF-8');
});

test.each([
  ['{"id":1970670598291982290}', '#/id is a number that cannot be stored exactly'],
  ['["\\ud800"]', '#/0 contains half of a surrogate pair'],
])('JSON that cannot be sent as it is is refused: %s', async (text, reason) => {
  await expect(readJson(text, Readable.from([]), 'the input')).rejects.toThrow(
    `the input cannot be sent: ${reason}`,
  );
});
