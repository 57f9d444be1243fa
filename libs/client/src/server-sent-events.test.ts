import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createMessageParser } from './server-sent-events.ts';

function parseAll(...pieces: string[]) {
  const parse = createMessageParser();
  return pieces.flatMap((piece) => parse(piece));
}

test('a block has its data, its type and the last id that was said', () => {
  expect(
    parseAll('retry: 2000\n\nid: 4\nevent: JobStarted\ndata: {"a":\ndata:1}\n\n', 'data: b\n\n'),
  ).toEqual([
    { data: undefined, event: 'message', lastId: '', retryMs: 2_000 },
    { data: '{"a":\n1}', event: 'JobStarted', lastId: '4', retryMs: undefined },
    { data: 'b', event: 'message', lastId: '4', retryMs: undefined },
  ]);
});

test('a comment is a sign of life, and an id without data moves the place', () => {
  expect(parseAll(':\n\nid: c2\n\n').map(({ data, lastId }) => [data, lastId])).toEqual([
    [undefined, ''],
    [undefined, 'c2'],
  ]);
});

test('what is not complete says nothing, its id neither', () => {
  expect(parseAll('id: 1\ndata: a\n\n', 'id: 2\ndata: b\n')).toHaveLength(1);
  expect(parseAll('id: 1\ndata: a\n\nid: 2\ndata: b', '\n\n').map(({ lastId }) => lastId)).toEqual([
    '1',
    '2',
  ]);
});

test('lines end in each of the three ways, and a byte order mark is no part of the first', () => {
  for (const end of ['\n', '\r\n', '\r']) {
    const text = `\uFEFFid: 1${end}data: a${end}${end}data: b${end}${end}:${end}`;
    expect(parseAll(text).map(({ data }) => data)).toEqual(['a', 'b']);
  }
});

test('fields that mean nothing are passed over', () => {
  const [message] = parseAll('id: a\0b\nretry: soon\nfoo: bar\nfoo\ndata\n\n');
  expect(message).toEqual({ data: '', event: 'message', lastId: '', retryMs: undefined });
});

test('it does not matter in which pieces a stream comes', () => {
  const text = '\uFEFFid: 1\r\ndata: ä\r\n\r\n:\n\nid: 2\rdata: b\r\rdata: c\n\nid: 3\nevent: x\ndata: d\n\n';
  const whole = parseAll(text);
  fc.assert(
    fc.property(fc.array(fc.nat(text.length)), (places) => {
      const cuts = [0, ...places.sort((a, b) => a - b), text.length];
      const pieces = cuts.slice(1).map((end, index) => text.slice(cuts[index], end));
      expect(parseAll(...pieces)).toEqual(whole);
    }),
  );
  expect(whole).toHaveLength(5);
});
