import { defineAction, FileResult, z } from '@errand/actions';
import type { ActionContract } from '@errand/contracts';
import { compileSchema } from '@errand/json-schema';
import { expect, test } from 'vitest';
import { openapiOf } from './document-of-contracts.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests look into documents of many shapes.
type Json = any;

const CONTRACT: ActionContract = {
  name: 'simulate',
  contract_id: 'c1',
  accepts: [],
  version: '1',
  description: 'Simulates a design',
  resource: 'designs/{design_id}',
  input_schema: {
    type: 'object',
    properties: { tilt_deg: { type: 'number', minimum: 0, maximum: 90 }, name: { type: 'string' } },
    required: ['tilt_deg'],
    additionalProperties: false,
  },
  result_schema: { type: 'object', properties: { kwh: { type: 'number' } }, required: ['kwh'] },
  max_attempts: 3,
  timeout_ms: 1_000,
};

function documentOf(...changes: Partial<ActionContract>[]): Json {
  return openapiOf(changes.map((change) => ({ ...CONTRACT, ...change })));
}

test('all references lead somewhere, and no two operations have the same id', () => {
  const document = documentOf({}, { name: 'other', resource: '' });
  for (const ref of refsOf(document)) expect(at(document, ref), ref).toBeDefined();
  const ids = [...operationsOf(document)].map(({ operationId }) => operationId);
  expect(new Set(ids).size).toBe(ids.length);
});

test('names that would be the same in the document are told apart', () => {
  const document = documentOf(
    { name: 'a_b', resource: '' },
    { name: 'a__b', resource: '' },
    { name: 'x', resource: 'tenants/{tenant_id}/tenants/{tenant_id}' },
  );
  const ids = [...operationsOf(document)].map(({ operationId }) => operationId);
  expect(new Set(ids).size).toBe(ids.length);
  const path =
    '/v2/tenants/{tenant_id}/tenants/{resource_tenant_id}/tenants/{resource_resource_tenant_id}/x/run';
  expect(Object.keys(document.paths)).toContain(path);
});

test('a status that is a problem, or an answer of another kind, has both of them', () => {
  const { responses } = documentOf({}).paths['/v2/tenants/{tenant_id}/mcp'].post;
  expect(responses[400].description).toMatch(/^`incomplete_body`, .*; or a message that MCP does not allow/);
  expect(Object.keys(responses[400].content)).toEqual(['application/json', 'application/problem+json']);
  expect(responses[401].$ref).toMatch(/^#\/components\/responses\/Problem401/);
});

test('an action whose paths are those of something else is left out', () => {
  const document = documentOf({ name: 'cancel', resource: 'jobs/{job_id}/' }, { name: 'jobs', resource: '' });
  expect(Object.keys(document.paths)).toContain('/v2/tenants/{tenant_id}/jobs/{job_id}/cancel/run');
  const clash = documentOf({ name: 'x', resource: 'a/{b}' }, { name: 'x', resource: 'a/{c}' });
  expect(Object.keys(clash.paths).filter((path) => path.endsWith('/x/run'))).toHaveLength(1);
});

test('results are the result or null, beside how to download it, and of a file nothing but null', () => {
  const { contract } = defineAction({
    name: 'plot',
    input: z.object({}),
    result: FileResult,
    run: ({ saveResult }) => saveResult({ contentType: 'image/png', body: [] }),
  });
  const { schemas } = documentOf({}, JSON.parse(JSON.stringify(contract))).components;
  expect(schemas.SimulateJob.properties.results).toEqual({
    anyOf: [{ $ref: '#/components/schemas/SimulateResult' }, { type: 'null' }],
  });
  expect(schemas.PlotJob.properties.results).toEqual({ type: 'null' });
  for (const job of [schemas.SimulateJob, schemas.PlotJob, schemas.JobSummary]) {
    const link = { anyOf: [{ $ref: '#/components/schemas/ResultLink' }, { type: 'null' }] };
    expect(job.properties.results_link).toMatchObject(link);
    expect(job.required).toEqual(expect.arrayContaining(['results', 'results_link']));
  }
});

test('definitions, bases and references of an action resolve in the document', () => {
  const node = { type: 'object', properties: { next: { $ref: '#/$defs/no de' } } };
  const document = documentOf({
    input_schema: {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      $id: 'https://example.org/tree',
      type: 'object',
      properties: {
        head: { $ref: '#/$defs/no%20de' },
        self: { $ref: 'https://example.org/tree#' },
        sibling: { $ref: '#/properties/head' },
        named: { $ref: '#leaf' },
      },
      $defs: { 'no de': node, leaf: { $anchor: 'leaf', type: 'integer' } },
    },
  });
  for (const ref of refsOf(document)) expect(at(document, ref), ref).toBeDefined();
  const { properties } = document.components.schemas.SimulateRun;
  expect(properties.head).toEqual({ $ref: '#/components/schemas/SimulateRun_no_de' });
  expect(properties.self).toEqual({ $ref: '#/components/schemas/SimulateRun' });
  expect(properties.named).toEqual({ $ref: '#/components/schemas/SimulateRun_leaf' });
  const validate = validatorOf(document, 'SimulateRun');
  expect(validate({ head: { next: { next: {} } }, _job: { metadata: { a: 'b' } } })).toBe(true);
  expect(validate({ head: { next: { next: 1 } } })).toBe(false);
});

test.each([
  ['is no schema', { type: 'nothing' }],
  [
    'has keywords of other standards',
    { type: 'object', discriminator: 'x', 'x-y': 1, nullable: true, xml: 3 },
  ],
  [
    'has a pattern that browsers do not take',
    { type: 'object', properties: { a: { pattern: '\\A(?i)x\\z' } } },
  ],
  ['refers to what is not there', { type: 'object', properties: { a: { $ref: 'https://example.org/b' } } }],
  ['has a boolean for a member', { type: 'object', properties: { a: true, b: false } }],
])('an action whose input schema %s leaves the document whole', (_, input_schema) => {
  const document = documentOf({ input_schema });
  for (const ref of refsOf(document)) expect(at(document, ref), ref).toBeDefined();
  expect(document.components.schemas.SimulateRun.type).toBe('object');
  expect(JSON.stringify(document.components.schemas.SimulateRun)).not.toMatch(
    /discriminator|nullable|xml|\(\?i\)/,
  );
});

test.each([
  ['at its root', { type: 'object', properties: { a: { type: 'string' } }, additionalProperties: false }],
  [
    'in its branches',
    {
      anyOf: [
        { type: 'object', properties: { a: { type: 'string' } }, additionalProperties: false },
        { $ref: '#/$defs/b' },
      ],
      $defs: { b: { type: 'object', properties: { b: {} }, required: ['b'], unevaluatedProperties: false } },
    },
  ],
  [
    'under a condition',
    {
      type: 'object',
      if: { properties: { a: { const: 'x' } }, additionalProperties: false },
      // biome-ignore lint/suspicious/noThenProperty: it is a keyword of JSON Schema.
      then: { properties: { a: {} }, additionalProperties: false },
      else: { properties: { a: { type: 'integer' } }, additionalProperties: false },
    },
  ],
  [
    'where it has a member',
    {
      type: 'object',
      dependentSchemas: { a: { properties: { a: {} }, additionalProperties: false } },
    },
  ],
  [
    'by patterns of names',
    { type: 'object', properties: { a: {} }, patternProperties: { '^_': false, '^[^a]': false } },
  ],
  [
    'by the names of its members',
    { type: 'object', propertyNames: { pattern: '^[a-z]$' }, maxProperties: 1 },
  ],
])('an input that is closed %s takes _job as well', (_, input_schema) => {
  const validate = validatorOf(documentOf({ input_schema }), 'SimulateRun');
  expect(validate({ a: 'x', _job: { metadata: { a: 'b' } } })).toBe(true);
  expect(validate({ a: 'x', _job: { unknown: true } })).toBe(false);
  expect(validate({ a: 'x', more: 1, most: 2 })).toBe(false);
});

test("an example is the author's, or made from the schema, and always one that the action takes", () => {
  const exampleOf = (input_schema: Json) => {
    const path = '/v2/tenants/{tenant_id}/designs/{design_id}/simulate/run';
    return documentOf({ input_schema }).paths[path].post.requestBody.content['application/json'].example;
  };
  const given = { tilt_deg: 7 };
  expect(exampleOf({ ...CONTRACT.input_schema, examples: [{ tilt_deg: -1 }, given] })).toEqual(given);
  expect(exampleOf(CONTRACT.input_schema)).toEqual({ tilt_deg: 45, name: 'x' });
  const unguessable = {
    type: 'object',
    properties: { a: { pattern: '^q{7}$', type: 'string' } },
    required: ['a'],
  };
  expect(exampleOf(unguessable)).toBeUndefined();
});

function* operationsOf(document: Json): Generator<Json> {
  for (const methods of Object.values<Json>({ ...document.paths, ...document.webhooks })) {
    yield* Object.values<Json>(methods);
  }
}

function refsOf(value: Json): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const own = typeof value.$ref === 'string' ? [value.$ref] : [];
  return [...own, ...Object.values(value).flatMap(refsOf)];
}

function at(document: Json, ref: string): Json {
  const tokens = ref.split('/').slice(1);
  return tokens.reduce((value, token) => value?.[decodeURIComponent(token)], document);
}

function validatorOf({ components }: Json, id: string): (value: unknown) => boolean {
  const validate = compileSchema({ $ref: `#/components/schemas/${id}`, components });
  return (value) => validate(value, 0).length === 0;
}

test('what generators stumble over is not in the document: constants without types, two patterns of a text, odd names', () => {
  const document = documentOf({});
  const found: string[] = [];
  function visit(node: Json, path: string): void {
    if (typeof node !== 'object' || node === null || /\/(example|examples|default)$/.test(path)) return;
    const isSchema = !path.endsWith('/properties');
    if (isSchema && ('const' in node || 'enum' in node) && !('type' in node)) found.push(`${path}: no type`);
    if (isSchema && typeof node.pattern === 'string' && node.pattern.includes('\\/'))
      found.push(`${path}: a slash`);
    if (isSchema && /\\p\{/i.test(node.pattern)) found.push(`${path}: a flag`);
    const patterns = (isSchema && node.allOf?.filter((each: Json) => each.pattern)) || [];
    if (patterns.length > 0) found.push(`${path}: two patterns`);
    for (const [key, member] of Object.entries(node)) visit(member, `${path}/${key}`);
  }
  visit(document, '');
  const { schemas, responses } = document.components;
  const names = [...Object.keys(schemas), ...Object.keys(responses)];
  expect([...found, ...names.filter((name) => !/^\w+$/.test(name))]).toEqual([]);
});
