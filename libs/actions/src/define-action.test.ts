import { availableParallelism } from 'node:os';
import { expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { defineAction } from './define-action.ts';
import { defer } from './operation.ts';

const common = { input: z.object({ a: z.number().min(1) }), result: z.object({}), run: () => ({}) };

test('an action describes its input and result to callers as JSON Schema', () => {
  const { contract } = defineAction({ ...common, name: 'add', resource: 'sums/{sum_id}' });
  expect(contract).toMatchObject({
    name: 'add',
    version: '1',
    resource: 'sums/{sum_id}',
    input_schema: { type: 'object', properties: { a: { type: 'number', minimum: 1 } }, required: ['a'] },
    max_attempts: 3,
    timeout_ms: 600_000,
  });
});

test('what is not given has its default', () => {
  const action = defineAction({ ...common, name: 'add' });
  expect(action.retry).toEqual({ maxAttempts: 3, firstDelayMs: 1_000, maxDelayMs: 300_000 });
  expect(action).toMatchObject({ concurrency: 16, thread: 'main', contract: { resource: '' } });
  const worker = defineAction({ ...common, name: 'add', thread: 'worker' });
  expect(worker.concurrency).toBe(availableParallelism());
});

test('an action that waits for a call says how it is judged', () => {
  const action = defineAction({
    ...common,
    name: 'add',
    callback: { result: '/a', failedWhen: { '/b': [1] }, verify: { header: 'x-sig', hmacSha256: 's' } },
    run: () => defer({ withinMs: 5 }),
  });
  expect(action.callback.withinMs).toBe(3_600_000);
  expect(action.callback.terms()).toEqual({
    result: '/a',
    failed_when: { '/b': [1] },
    verify: { header: 'x-sig', hmac_sha256: 's' },
    methods: ['POST', 'PUT'],
  });
  expect(() => defer({ withinMs: 0 })).toThrow(RangeError);
});

test.each([
  [{ result: 'a' }, /callback\.result must be a JSON pointer/],
  [{ verify: { header: 'x sig', hmacSha256: 's' } }, /callback\.verify\.header is not a header name/],
  [{ within: 1 }, /within: no such option of callback; allowed: result, /],
  [{ error: `/${'a'.repeat(1_000)}` }, /callback has more than 1000 bytes/],
])('a callback %j is refused', (callback, words) => {
  expect(() => defineAction({ ...common, name: 'add', callback: callback as never })).toThrow(words);
});

test('inputs and resource parameters are typed', () => {
  defineAction({
    ...common,
    name: 'add',
    resource: 'sites/{site_id}/designs/{design_id}',
    run: ({ input, resource }) => {
      expectTypeOf(input).toEqualTypeOf<{ a: number }>();
      expectTypeOf(resource.site_id).toEqualTypeOf<string>();
      expectTypeOf(resource.design_id).toEqualTypeOf<string>();
      return {};
    },
  });
});

test.each([
  'jobs',
  'webhooks',
  'deliveries',
  'actions',
  'events',
  'tokens',
  'keys',
  'limits',
  'changes',
  'stats',
  'mcp',
])('%s is a word of the API and not a valid name', (name) => {
  expect(() => defineAction({ ...common, name })).toThrow('the API reserves this word');
});

test.each(['Add', 'add-up', '', '1st', 'a.b'])('%j is not a valid name', (name) => {
  expect(() => defineAction({ ...common, name })).toThrow('snake_case');
});

test.each(['sums', 'sums/{}', '/sums/{id}', 'sums/{id}/more', '{id}'])(
  '%j is not a valid resource',
  (resource) => {
    expect(() => defineAction({ ...common, name: 'add', resource })).toThrow(
      'must look like designs/{design_id}',
    );
  },
);

test.each<[string, object, string]>([
  ['a misspelt option', { timeoutms: 5 }, 'timeoutms: no such option; allowed: name, version'],
  [
    'a misspelt retry option',
    { retry: { attempts: 5 } },
    'attempts: no such option of retry; allowed: maxAttempts',
  ],
  ['no attempts', { retry: { maxAttempts: 0 } }, 'retry.maxAttempts Too small'],
  ['a timeout that a timer cannot hold', { timeoutMs: 2 ** 31 }, 'timeoutMs Too big'],
  ['a concurrency of none', { concurrency: 0 }, 'concurrency Too small'],
  ['a thread of its own kind', { thread: 'fork' }, 'thread Invalid option'],
  ['no run', { run: undefined }, 'run is missing'],
  ['an input that is no schema', { input: { type: 'object' } }, 'input must be a zod schema'],
  ['a repeated parameter', { resource: 'a/{id}/b/{id}' }, 'resource names a parameter twice'],
  ['an input that JSON cannot carry', { input: z.object({ at: z.date() }) }, 'input cannot be expressed'],
  ['a result that JSON cannot carry', { result: z.bigint() }, 'result cannot be expressed'],
  ['an input that is no object', { input: z.array(z.string()) }, 'input must describe an object'],
  [
    'a pattern with a flag that JSON Schema has not',
    { input: z.object({ a: z.array(z.string().regex(/^[a-z]+$/i)) }) },
    'input has the pattern /^[a-z]+$/i, but JSON Schema has no flag i: write the pattern without it',
  ],
  [
    'a pattern with flags in names and results',
    { result: z.record(z.string().min(1).regex(/^a.b$/ms), z.string()) },
    'result has the pattern /^a.b$/ms, but JSON Schema has no flag ms',
  ],
  [
    'a URL of protocols that JSON Schema has no word for',
    { input: z.object({ a: z.httpUrl() }) },
    'input restricts the protocol or host of a URL, which JSON Schema cannot express: add a pattern instead',
  ],
  [
    'a format that only the action checks',
    { input: z.object({ a: z.string().check(z.jwt()) }) },
    'input has the format jwt, which JSON Schema cannot express',
  ],
  [
    'an input with the member of job options',
    { input: z.object({ _job: z.string() }) },
    'not have a member _job',
  ],
])('%s is refused when the action is defined', (_, wrong, words) => {
  const options = { ...common, name: 'add', ...wrong } as unknown as Parameters<typeof defineAction>[0];
  expect(() => defineAction(options)).toThrow(words);
});

test('patterns may have flags that change nothing for callers', () => {
  const input = z.object({
    a: z.string().regex(/^\p{L}+$/u),
    b: z.email(),
    c: z.uuid(),
    d: z.iso.datetime(),
  });
  expect(() => defineAction({ ...common, name: 'add', input })).not.toThrow();
});

test('callers see formats as JSON Schema means them', () => {
  const input = z.object({ at: z.iso.datetime(), local: z.iso.datetime({ local: true }), url: z.url() });
  const { contract } = defineAction({ ...common, name: 'add', input });
  expect(contract.input_schema.properties).toMatchObject({
    at: { format: 'date-time' },
    local: { pattern: expect.any(String) },
    url: { format: 'uri' },
  });
  expect(contract.input_schema).not.toHaveProperty('properties.local.format');
});

test('all mistakes are named at once, under the name of the action', () => {
  const options = { name: 'add', timeoutMs: -1, input: common.input } as never;
  expect(() => defineAction(options)).toThrow(
    /^action "add": .*result is missing.*timeoutMs.*run is missing/s,
  );
  expect(() => defineAction(undefined as never)).toThrow('action without a name: must be an object');
});

test('an author needs only one import', async () => {
  expect(await import('./index.ts')).toHaveProperty('z.object');
});
