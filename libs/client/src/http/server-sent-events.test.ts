import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createMessageParser } from './server-sent-events.ts';

const bytesOf = (text: string) => new TextEncoder().encode(text);

function parseAll(...pieces: (string | Uint8Array)[]) {
  const parse = createMessageParser();
  return pieces.flatMap((piece) => parse(typeof piece === 'string' ? bytesOf(piece) : piece));
}

test('a block has its data, its type and the last id that was sent', () => {
  expect(
    parseAll('retry: 2000\n\nid: 4\nevent: JobStarted\ndata: {"a":\ndata:1}\n\n', 'data: b\n\n'),
  ).toEqual([
    { data: undefined, event: 'message', lastId: '', retryMs: 2_000 },
    { data: '{"a":\n1}', event: 'JobStarted', lastId: '4', retryMs: undefined },
    { data: 'b', event: 'message', lastId: '4', retryMs: undefined },
  ]);
});

test('a comment is a sign of life, and an id without data moves the position', () => {
  expect(parseAll(':\n\nid: c2\n\n').map(({ data, lastId }) => [data, lastId])).toEqual([
    [undefined, ''],
    [undefined, 'c2'],
  ]);
});

test('an incomplete block counts for nothing, not even its id', () => {
  expect(parseAll('id: 1\ndata: a\n\n', 'id: 2\ndata: b\n')).toHaveLength(1);
  expect(parseAll('id: 1\ndata: a\n\nid: 2\ndata: b', '\n\n').map(({ lastId }) => lastId)).toEqual([
    '1',
    '2',
  ]);
});

test('lines end in each of the three ways, and a byte order mark is not part of the first', () => {
  for (const end of ['\n', '\r\n', '\r']) {
    const text = `\uFEFFid: 1${end}data: a${end}${end}data: b${end}${end}:${end}`;
    expect(parseAll(text).map(({ data }) => data)).toEqual(['a', 'b']);
  }
});

test('fields that mean nothing are passed over', () => {
  const [message] = parseAll('id: a\0b\nretry: soon\nfoo: bar\nfoo\ndata\n\n');
  expect(message).toEqual({ data: '', event: 'message', lastId: '', retryMs: undefined });
});

test('a stream may come in any pieces', () => {
  const text = '\uFEFFid: 1\r\ndata: ä\r\n\r\n:\n\nid: 2\rdata: b\r\rdata: c\n\nid: 3\nevent: x\ndata: d\n\n';
  const bytes = bytesOf(text);
  const whole = parseAll(bytes);
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length)), (places) => {
      const cuts = [0, ...places.sort((a, b) => a - b), bytes.length];
      const pieces = cuts.slice(1).map((end, index) => bytes.subarray(cuts[index], end));
      expect(parseAll(...pieces)).toEqual(whole);
    }),
  );
  expect(whole).toHaveLength(5);
});

test('a carriage return ends an event at once, and a line feed after it is not another line', () => {
  expect(parseAll('data: a\r\r')).toHaveLength(1);
  expect(parseAll('data: a\r', '\r', '\ndata: b\r', '', '\n', '\r\n').map(({ data }) => data)).toEqual([
    'a',
    'b',
  ]);
});

test('an event of 100,000 lines, or of 8 MB in small pieces, comes whole', () => {
  const lines = Array.from({ length: 100_000 }, (_, index) => String(index));
  const [message] = parseAll(...lines.map((line) => `data: ${line}\n`), '\n');
  expect(message?.data?.split('\n')).toEqual(lines);
  const [long] = parseAll('data: ', ...Array.from({ length: 8_000 }, () => 'x'.repeat(1_000)), '\n\n');
  expect(long?.data?.length).toBe(8_000_000);
});

test.each(['x'.repeat(2 ** 16), `data: ${'x'.repeat(2 ** 16)}\n`])(
  'an event without end is an error',
  (piece) => {
    const parse = createMessageParser();
    const bytes = bytesOf(piece);
    for (let count = 0; count < 255; count++) parse(bytes);
    expect(() => [parse(bytes), parse(bytes)]).toThrow(
      expect.objectContaining({ code: 'invalid_response', retryable: false }),
    );
  },
);
