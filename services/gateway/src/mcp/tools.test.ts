import { defineAction } from '@errand/actions';
import type { ActionContract } from '@errand/contracts';
import { compileSchema, createSteps } from '@errand/json-schema';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { actionTool, resourceMembersOf } from './tools.ts';

const node = z.object({ name: z.string(), next: z.unknown() });

function contractOf(about: { resource: string; input: z.ZodType; result?: z.ZodType }): ActionContract {
  const { resource, input, result = z.object({}) } = about;
  const definition = { name: 'act', description: '', resource, input, result, run: () => ({}) };
  return defineAction(definition as unknown as Parameters<typeof defineAction>[0]).contract;
}

/** The pointers of what a tool's input schema finds wrong. */
function wrongIn(contract: ActionContract, args: Record<string, unknown>): (string | undefined)[] {
  const validate = compileSchema(actionTool(contract).inputSchema);
  return validate(args, 100, createSteps()).map(({ pointer }) => pointer);
}

test('parameters of the resource stand beside the members of a closed input, and are needed', () => {
  const contract = contractOf({ resource: 'sites/{site_id}', input: z.strictObject({ tilt: z.number() }) });
  expect(wrongIn(contract, { site_id: 's', tilt: 1 })).toEqual([]);
  expect(wrongIn(contract, { tilt: 1 })).toEqual(['#/site_id']);
  expect(wrongIn(contract, { site_id: '', tilt: 1, other: 1 })).toEqual(['#/other', '#/site_id']);
});

test('they stand beside inputs of several kinds, too', () => {
  const a = z.strictObject({ kind: z.literal('a'), size: z.number() });
  const b = z.strictObject({ kind: z.literal('b'), url: z.string() });
  const contract = contractOf({ resource: 'sites/{site_id}', input: z.discriminatedUnion('kind', [a, b]) });
  expect(wrongIn(contract, { site_id: 's', kind: 'b', url: 'u' })).toEqual([]);
  expect(wrongIn(contract, { site_id: 's', kind: 'b', size: 1 })).not.toEqual([]);
});

test('a parameter that is named like something of the input has another name', () => {
  const input = z.object({ site_id: z.string(), resource_site_id: z.string() });
  const contract = contractOf({ resource: 'sites/{site_id}', input });
  expect([...resourceMembersOf(contract)]).toEqual([['resource_resource_site_id', 'site_id']]);
  const args = { site_id: 'a', resource_site_id: 'b', resource_resource_site_id: 'c' };
  expect(wrongIn(contract, args)).toEqual([]);
});

test('schemas that refer to themselves and to definitions do so inside the tool', () => {
  const tree = {
    type: 'object',
    properties: { name: { $ref: '#/$defs/Name' }, child: { $ref: '#' } },
    required: ['name'],
    additionalProperties: false,
    $defs: { Name: { type: 'string', maxLength: 3 } },
  };
  const contract = {
    ...contractOf({ resource: 'sites/{site_id}', input: node }),
    input_schema: tree,
    result_schema: tree,
  };
  expect(wrongIn(contract, { site_id: 's', name: 'a', child: { name: 'b' } })).toEqual([]);
  expect(wrongIn(contract, { site_id: 's', name: 'abcd', child: { name: 'b', site_id: 's' } })).toEqual([
    '#/name',
    '#/child/site_id',
  ]);
  const output = compileSchema(actionTool(contract).outputSchema ?? {});
  const view = (result: unknown) => ({ job_id: 'j', action: 'act', status: 'succeeded', result });
  const errors = output(view({ name: 'a', child: { name: 'abcd' } }), 100, createSteps());
  expect(errors.map(({ pointer }) => pointer)).toEqual(['#/result/child/name']);
});

test('an action of the tenant itself has the arguments of its input', () => {
  const contract = contractOf({ resource: '', input: z.strictObject({ tilt: z.number().optional() }) });
  expect(actionTool(contract)).toMatchObject({
    name: 'act',
    description: 'The action act.',
    inputSchema: { type: 'object', additionalProperties: false },
  });
  expect(wrongIn(contract, {})).toEqual([]);
});
