import { expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { defineAction } from './define-action.ts';
import { PermanentError } from './errors.ts';
import { defer } from './operation.ts';
import { FileResult } from './result-file.ts';
import { TEST_CALLBACK_URL, testAction } from './test-action.ts';

const greet = defineAction({
  name: 'greet',
  resource: 'people/{person}',
  input: z.object({ word: z.string().default('Hello'), how: z.enum(['well', 'throw', 'refuse', 'lie']) }),
  result: z.object({ text: z.string() }),
  run: ({ input, resource, progress, log, attempt, signal }) => {
    progress(50, 'halfway');
    progress(75);
    log('greeting', { of: resource.person });
    if (input.how === 'throw') throw new Error('no voice');
    if (input.how === 'refuse') throw new PermanentError('rude', 'Not to them.', [{ who: resource.person }]);
    if (input.how === 'lie') return { text: 7 as unknown as string };
    return { text: `${input.word}, ${resource.person} (${attempt}${signal.aborted ? ', stopped' : ''})` };
  },
});
const resource = { person: 'Ada' };

test('an action is run once, between its schemas, and what it reports is collected', async () => {
  const { result, error, progress, logged } = await testAction(greet, { how: 'well' }, { resource });
  expectTypeOf(result).toEqualTypeOf<{ text: string } | undefined>();
  expect(error).toBeUndefined();
  expect(result).toEqual({ text: 'Hello, Ada (1)' });
  expect(progress).toEqual([{ percent: 50, message: 'halfway' }, { percent: 75 }]);
  expect(logged).toEqual([{ message: 'greeting', fields: { of: 'Ada' } }]);
});

test('attempt and signal are the ones given', async () => {
  const options = { resource, attempt: 3, signal: AbortSignal.abort() };
  const { result } = await testAction(greet, { how: 'well' }, options);
  expect(result?.text).toBe('Hello, Ada (3, stopped)');
});

test.each([
  [
    'throw',
    {
      code: 'action_failed',
      message: 'The action failed.',
      permanent: false,
      cause: expect.objectContaining({ message: 'no voice' }),
    },
  ],
  ['refuse', { code: 'rude', message: 'Not to them.', permanent: true, details: [{ who: 'Ada' }] }],
  [
    'lie',
    {
      code: 'invalid_result',
      permanent: true,
      details: [{ pointer: '#/text', code: 'invalid_type' }],
      cause: expect.stringMatching(/^#\/text: .*\(invalid_type\); the value is a number$/),
    },
  ],
] as const)('a failure by %s is an error, not a rejection', async (how, error) => {
  expect(await testAction(greet, { how }, { resource })).toMatchObject({ error });
});

test('a wrong input does not reach the action', async () => {
  const tested = await testAction(greet, { how: 'badly' as 'well' }, { resource });
  expect(tested).toMatchObject({
    error: { code: 'invalid_input', details: [{ pointer: '#/how', code: 'invalid_value' }] },
    progress: [],
  });
});

test.each([
  ['a duration', z.iso.duration()],
  ['a host name', z.hostname()],
  ['an emoji', z.emoji()],
  ['many repetitions', z.string().regex(/^a{1,2000}$/)],
])('an action whose inputs no gateway could check is not run: %s', async (_, a) => {
  const action = defineAction({
    name: 'never',
    input: z.object({ a: z.optional(a) }),
    result: z.object({}),
    run: () => ({}),
  });
  await expect(testAction(action, {})).rejects.toThrow(
    /^action "never": no gateway can check its inputs: input_schema \/ properties \/ a \/ pattern \/ RE2 does not support/,
  );
});

test('resource parameters are required if the action has some, and only then', () => {
  const plain = defineAction({ name: 'plain', input: z.object({}), result: z.object({}), run: () => ({}) });
  const calls = () => [
    testAction(plain, {}),
    // @ts-expect-error: greet needs the person
    testAction(greet, { how: 'well' }),
    // @ts-expect-error: how is one of four words
    testAction(greet, { how: 'badly' }, { resource }),
  ];
  expect(calls).toBeTypeOf('function');
});

test('a file is read to its end, and other jobs are what the test says', async () => {
  const report = defineAction({
    name: 'report',
    input: z.object({ job_id: z.string(), forged: z.boolean().default(false) }),
    result: FileResult,
    async run({ input, saveResult, readResult }) {
      const other = await readResult(input.job_id);
      const body = [Buffer.from('it is '), Buffer.from(other.kind)];
      const saved = await saveResult({ contentType: 'text/plain', filename: 'a.txt', body });
      return input.forged ? { ...saved } : saved;
    },
  });
  const { result, files } = await testAction(
    report,
    { job_id: 'j' },
    { readResult: () => ({ kind: 'not_json' }) },
  );
  expect(result).toMatchObject({ bytes: 14, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
  expect(files).toEqual([
    { contentType: 'text/plain', filename: 'a.txt', content: Buffer.from('it is not_json') },
  ]);
  const { error } = await testAction(report, { job_id: 'j', forged: true });
  expect(error).toMatchObject({
    code: 'invalid_result',
    details: [{ detail: 'must be what saveResult returned' }],
  });
});

test.each([
  ['an async check', z.object({ word: z.string().refine(async () => false) })],
  ['a transform that throws', z.object({ word: z.string().transform((word): unknown => JSON.parse(word)) })],
])('%s that refuses the input is an error, not a rejection', async (_, input) => {
  const action = defineAction({ name: 'strict', input, result: z.object({}), run: () => ({}) });
  expect(await testAction(action, { word: 'no JSON' })).toMatchObject({ error: { code: 'invalid_input' } });
});

test('input and result pass through JSON, as between a caller and an action', async () => {
  const action = defineAction({
    name: 'dated',
    input: z.object({ at: z.unknown() }),
    result: z.object({ type: z.string(), at: z.unknown() }),
    run: ({ input }) => ({ type: typeof input.at, at: new Date(0) }),
  });
  const { result } = await testAction(action, { at: new Date(0) });
  expect(result).toEqual({ type: 'string', at: '1970-01-01T00:00:00.000Z' });
});

test('a file with a name that it may not have is refused', async () => {
  const action = defineAction({
    name: 'misnamed',
    input: z.object({}),
    result: FileResult,
    run: ({ saveResult }) => saveResult({ contentType: 'text/plain', filename: '../passwd', body: [] }),
  });
  const { error, files } = await testAction(action, {});
  expect(error).toMatchObject({ code: 'invalid_result', permanent: true });
  expect(files).toEqual([]);
});

test('whatever an action throws is an error, not a rejection', async () => {
  const cause: unknown = Object.create(null);
  const action = defineAction({
    name: 'odd',
    input: z.object({}),
    result: z.object({}),
    run: () => {
      throw cause;
    },
  });
  const { error } = await testAction(action, {});
  expect(error).toMatchObject({ code: 'action_failed', permanent: false });
  expect(error?.cause).toBe(cause);
});

test('an action that waits for a call is told a URL, and says for how long it waits', async () => {
  const action = defineAction({
    name: 'render',
    input: z.object({}),
    result: z.object({}),
    async run({ callbackUrl, log }) {
      log(await callbackUrl());
      return defer({ withinMs: 5_000 });
    },
  });
  const { deferred, result, error, logged } = await testAction(action, {});
  expect({ deferred, result, error }).toEqual({ deferred: { withinMs: 5_000 } });
  expect(logged).toEqual([{ message: TEST_CALLBACK_URL }]);
});
