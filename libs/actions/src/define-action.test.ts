import { expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { defineAction } from './define-action.ts';

const common = { input: z.object({ a: z.number().min(1) }), result: z.object({}), run: () => ({}) };

test('an action tells callers what it takes and gives, as JSON Schema', () => {
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

test('what is not said has its default', () => {
  const action = defineAction({ ...common, name: 'add' });
  expect(action.retry).toEqual({ maxAttempts: 3, firstDelayMs: 1_000, maxDelayMs: 300_000 });
  expect(action).toMatchObject({ concurrency: 4, thread: 'main', contract: { resource: '' } });
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

test.each(['jobs', 'webhooks', 'actions', 'events'])('%s is a word of the API and no name', (name) => {
  expect(() => defineAction({ ...common, name })).toThrow('the API uses that word itself');
});

test.each(['Add', 'add-up', '', '1st', 'a.b'])('%j is no name', (name) => {
  expect(() => defineAction({ ...common, name })).toThrow('snake_case');
});

test.each(['sums', 'sums/{}', '/sums/{id}', 'sums/{id}/more', '{id}'])('%j is no resource', (resource) => {
  expect(() => defineAction({ ...common, name: 'add', resource })).toThrow(
    'must look like designs/{design_id}',
  );
});
