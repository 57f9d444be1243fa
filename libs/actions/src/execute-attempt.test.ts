import { JobFault } from '@errand/contracts';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineAction } from './define-action.ts';
import { PermanentError } from './errors.ts';
import { type AttemptOutcome, executeAttempt } from './execute-attempt.ts';

const ORDER = { jobId: 'j', tenantId: 't', resource: {}, metadata: {}, attempt: 1 };

/** One attempt of an action with these parts, and how often it ran. */
async function attemptOf(parts: {
  input?: z.ZodType;
  result?: z.ZodType;
  given?: unknown;
  run?: () => unknown;
}): Promise<{ outcome: AttemptOutcome; runs: number }> {
  let runs = 0;
  const action = defineAction({
    name: 'tried',
    input: parts.input ?? z.object({}),
    result: parts.result ?? z.unknown(),
    run: () => {
      runs++;
      return parts.run?.();
    },
  });
  const order = { ...ORDER, input: parts.given ?? {} };
  const outcome = await executeAttempt(action, order, {
    signal: new AbortController().signal,
    progress: () => {},
    log: () => {},
    output: () => {},
    saveResult: () => Promise.reject(new Error('stores nothing')),
    readResult: async () => ({ kind: 'unknown' }),
    callbackUrl: async () => 'https://errand.example/callbacks/t',
  });
  return { outcome, runs };
}

const anyLetters = z.string().refine(async (text) => text !== 'taken', 'is taken');
const parsed = z.string().transform((text): unknown => JSON.parse(text));

test('asynchronous checks are awaited', async () => {
  const input = z.object({ name: anyLetters });
  expect(await attemptOf({ input, given: { name: 'free' } })).toMatchObject({
    outcome: { kind: 'succeeded' },
  });
  expect(await attemptOf({ input, given: { name: 'taken' } })).toMatchObject({
    outcome: { error: { code: 'invalid_input', details: [{ pointer: '#/name', detail: 'is taken' }] } },
    runs: 0,
  });
  const result = z.object({ name: anyLetters });
  expect(await attemptOf({ result, run: () => ({ name: 'taken' }) })).toMatchObject({
    outcome: { error: { code: 'invalid_result', details: [{ pointer: '#/name' }] } },
  });
});

test('an input that makes its schema throw is invalid, and only the log sees what was thrown', async () => {
  const { outcome, runs } = await attemptOf({
    input: z.object({ json: parsed }),
    given: { json: 'a secret, not JSON' },
  });
  expect(outcome).toMatchObject({
    kind: 'failed',
    permanent: true,
    error: { code: 'invalid_input' },
    cause: expect.stringContaining('SyntaxError'),
  });
  expect(JSON.stringify(outcome.kind === 'failed' && outcome.error)).not.toContain('secret');
  expect(runs).toBe(0);
});

const tree: z.ZodType = z.lazy(() => z.object({ inner: tree.optional() }));
const cycle: { self?: unknown } = {};
cycle.self = cycle;

test.each<[string, () => unknown, z.ZodType?]>([
  ['a BigInt', () => ({ count: 1n })],
  ['a cycle', () => cycle],
  ['a toJSON that throws', () => ({ toJSON: refuse })],
  ['more levels than its schema can be walked down', () => nested(100_000), tree],
])('a result with %s is invalid after one run', async (_, run, result) => {
  const tried = await attemptOf({ run, ...(result ? { result } : {}) });
  expect(tried).toMatchObject({ outcome: { permanent: true, error: { code: 'invalid_result' } }, runs: 1 });
});

test.each<[string, unknown, object]>([
  ['half of a surrogate pair', { note: 'x\ud800' }, { pointer: '#/note', code: 'not_well_formed' }],
  ['a number that is none', [1, Number.NaN], { pointer: '#/1', code: 'inexact_number' }],
  ['a number without end', Number.POSITIVE_INFINITY, { pointer: '#', code: 'inexact_number' }],
  ['a member that copies lose', JSON.parse('{"__proto__":1}'), { code: 'reserved_name' }],
  ['more levels than a value may have', nested(201), { code: 'nested_too_deeply' }],
])('a result with %s is invalid, and the place is named', async (_, result, detail) => {
  const { outcome } = await attemptOf({ run: () => result, result: z.any() });
  expect(outcome).toMatchObject({
    kind: 'failed',
    permanent: true,
    error: { code: 'invalid_result', details: [detail] },
  });
});

test('for a result that does not fit, the caller sees the places, and the log the rules and the kinds of value found', async () => {
  const result = z.object({
    kwh: z.number(),
    'a/b': z.array(z.string()).max(1),
    owner: z.string().refine(() => false, { error: ({ input }) => `${input} is not known` }),
  });
  const returned = { kwh: 'secret-1', 'a/b': ['secret-2', 'x'], owner: 'secret-3' };
  const { outcome } = await attemptOf({ result, run: () => returned });
  if (outcome.kind !== 'failed') throw new Error(outcome.kind);
  expect(outcome.error.details).toEqual([
    { pointer: '#/kwh', code: 'invalid_type' },
    { pointer: '#/a~1b', code: 'too_big' },
    { pointer: '#/owner', code: 'custom' },
  ]);
  expect(outcome.cause?.split('\n')).toEqual([
    expect.stringMatching(/^#\/kwh: .* \(invalid_type\); the value is a string$/),
    expect.stringMatching(/^#\/a~1b: .* \(too_big\); the value is an array of 2$/),
    '#/owner: secret-3 is not known (custom); the value is a string',
  ]);
});

test('the cause of a refusal is for the log', async () => {
  const refuse = () => {
    throw new PermanentError('too_steep', 'No.', [], { cause: new Error('the true reason') });
  };
  const { outcome } = await attemptOf({ run: refuse });
  expect(outcome).toMatchObject({
    error: { code: 'too_steep' },
    cause: expect.stringContaining('the true reason'),
  });
});

test('a result as deep as a value may be is accepted', async () => {
  const { outcome } = await attemptOf({ run: () => nested(199), result: z.any() });
  expect(outcome).toMatchObject({ kind: 'succeeded' });
});

function nested(levels: number): object {
  let value: object = {};
  for (let level = 0; level < levels; level++) value = { inner: value };
  return value;
}

test.each<[string, unknown, object]>([
  ['no code', new PermanentError(undefined as never, 'm'), { code: 'action_failed', message: 'm' }],
  ['a number for a code', new PermanentError(42 as never, 'm'), { code: '42' }],
  ['a code and a message that are too long', new PermanentError('c'.repeat(200), 'm'.repeat(5_000)), {}],
  ['half of a surrogate pair', new PermanentError('c', 'm\ud800'), { message: 'm\ufffd' }],
  ['text for details', new PermanentError('c', 'm', 'abc' as never), { details: ['abc'] }],
  ['an object for details', new PermanentError('c', 'm', {} as never), { details: [{}] }],
  ['null for details', new PermanentError('c', 'm', null as never), { details: [] }],
  [
    'details that JSON cannot hold',
    new PermanentError('c', 'm', [1n, cycle, () => {}, { at: new Date(0) }]),
    { details: [{ at: '1970-01-01T00:00:00.000Z' }] },
  ],
  [
    'details that other readers cannot keep',
    new PermanentError('c', 'm', [nested(1_000), 'x\ud800y', '\\ud800']),
    { details: ['x\ufffdy', '\\ud800'] },
  ],
  [
    'details that are too large for an event',
    new PermanentError('c', 'm', ['kept', 'x'.repeat(2_000_000)]),
    { code: 'c', message: 'm', details: ['kept'] },
  ],
])('a PermanentError with %s is a fault that every reader can read', async (_, thrown, expected) => {
  const { outcome } = await attemptOf({
    run: () => {
      throw thrown;
    },
  });
  expect(outcome).toMatchObject({ kind: 'failed', permanent: true, error: expected });
  const { error } = outcome as { error: JobFault };
  expect(JobFault.parse(JSON.parse(JSON.stringify(error)))).toEqual(error);
});

function refuse(): never {
  throw new Error('not me');
}

test.each<[string, unknown]>([
  ['an object without text', Object.create(null)],
  ['nothing', undefined],
  ['an error whose stack cannot be read', Object.defineProperty(new Error(), 'stack', { get: refuse })],
])('%s that is thrown is a failure like any other', async (_, thrown) => {
  const { outcome } = await attemptOf({
    run: () => {
      throw thrown;
    },
  });
  expect(outcome).toMatchObject({ kind: 'failed', permanent: false, error: { code: 'action_failed' } });
});
