import { expect, test } from 'vitest';
import { createAttemptLog } from './attempt-log.ts';

function logging(limits: { logLineBytes: number; logAttemptBytes: number }) {
  const told: { fields: unknown; message: unknown }[] = [];
  const note = (fields: unknown, message?: string) => void told.push({ fields, message });
  return { told, say: createAttemptLog(() => ({ info: note, warn: note }), limits) };
}

const ROOM = { logLineBytes: 100, logAttemptBytes: 1_000 };

test('what an attempt says is logged as it is', () => {
  const { told, say } = logging(ROOM);
  const around: Record<string, unknown> = { a: 1 };
  around.itself = around;
  say('hello');
  say('hello', { a: 1 });
  say('round', around);
  expect(told).toEqual([
    { fields: {}, message: 'hello' },
    { fields: { a: 1 }, message: 'hello' },
    { fields: around, message: 'round' },
  ]);
});

test.each([
  ['a message', 'x'.repeat(9_000_000), undefined],
  ['fields', 'x', { text: 'y'.repeat(9_000_000) }],
  ['an error', 'x', { err: new Error('y'.repeat(9_000_000)) }],
  ['something that goes round in itself', 'x', roundInItself()],
])('%s of megabytes is cut, and says so', (_, message, fields) => {
  const { told, say } = logging(ROOM);
  say(message, fields);
  expect(told).toMatchObject([{ fields: { cut_of_bytes: expect.any(Number) } }]);
  expect(JSON.stringify(told).length).toBeLessThan(300);
});

test('an attempt that has logged all that it may is told of once', () => {
  const { told, say } = logging(ROOM);
  for (let lines = 0; lines < 1_000; lines++) say('x'.repeat(200));
  expect(told.slice(0, -1)).toHaveLength(9);
  expect(told.at(-1)).toEqual({ fields: { log_attempt_bytes: 1_000 }, message: 'attempt_logs_no_more' });
});

function roundInItself(): Record<string, unknown> {
  const fields: Record<string, unknown> = { text: 'z'.repeat(9_000) };
  fields.itself = fields;
  return fields;
}

test('what callers are told has fields that are an object, whatever was logged', () => {
  const told: unknown[] = [];
  const line = (message: string, more?: object) => void told.push([message, more]);
  const say = createAttemptLog(() => ({ info: () => {}, warn: () => {} }), ROOM, {
    line,
    dropLine: () => {},
  });
  const anything = say as (message: string, fields?: unknown) => void;
  anything('none');
  anything('plain', { a: 1 });
  anything('list', [1, 2]);
  anything('text', 'x');
  anything('date', new Date(0));
  anything('error', Object.assign(new Error('no'), { stack: 'stack' }));
  expect(told).toEqual([
    ['none', undefined],
    ['plain', { fields: { a: 1 } }],
    ['list', { fields: { text: '[1,2]' } }],
    ['text', { fields: { text: '"x"' } }],
    ['date', { fields: { text: '"1970-01-01T00:00:00.000Z"' } }],
    ['error', { fields: { text: '"stack"' } }],
  ]);
});
