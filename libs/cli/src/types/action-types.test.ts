import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ActionContract } from '@errand/client';
import { expect, test } from 'vitest';
import { actionTypes } from './action-types.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..', '..');

function contract(name: string, members: Partial<ActionContract>): ActionContract {
  return {
    name,
    contract_id: 'c1',
    accepts: [],
    version: '1',
    description: '',
    resource: '',
    input_schema: {},
    result_schema: {},
    max_attempts: 1,
    timeout_ms: 1,
    unserved_since: null,
    contracts: [],
    links: { run: '', status: '' },
    ...members,
  };
}

const render = contract('render', {
  resource: 'projects/{project_id}/pages/{page}',
  description: 'Draws a page. */ export const evil = 1; /*',
  input_schema: {
    type: 'object',
    properties: {
      size: { type: 'array', prefixItems: [{ type: 'number' }, { enum: ['mm', 'in'] }], items: false },
      tree: { $ref: '#/$defs/node' },
      note: { anyOf: [{ type: 'string' }, { type: 'null' }], default: null },
    },
    required: ['size', 'tree'],
    $defs: {
      node: {
        title: 'Actions',
        type: 'object',
        properties: { children: { type: 'array', maxItems: 3, items: { $ref: '#/$defs/node' } } },
        required: ['children'],
        additionalProperties: false,
      },
    },
  },
  result_schema: { type: 'object', properties: { pages: { type: 'integer' } }, required: ['pages'] },
});
const NODE = {
  type: 'object',
  properties: { children: { type: 'array', items: { $ref: '#/$defs/Leaf' } }, deep: { $ref: '#item' } },
  required: ['children'],
};
/** As zod and pydantic write a named schema, and other things that JSON Schema allows. */
const named = contract('named', {
  input_schema: {
    $ref: '#/$defs/Leaf',
    $defs: { Leaf: NODE, other: { $anchor: 'item', type: 'string' } },
  },
  result_schema: {
    $ref: '#/$defs/Out',
    $defs: { Out: { type: 'object', properties: { n: { type: 'number' } } } },
  },
});
const mixed = contract('mixed', {
  input_schema: {
    type: 'object',
    $ref: '#/$defs/Base',
    properties: {
      more: { type: 'string' },
      kept: { $ref: '#/components/schemas/Kept' },
      lost: { $ref: '#/nowhere' },
      loop: { $ref: '#/$defs/a' },
      none: { type: 'array', items: false },
    },
    required: ['more', 'x'],
    components: { schemas: { Kept: { type: 'number' } } },
    $defs: {
      Base: { type: 'object', properties: { x: { type: 'number' } } },
      a: { $ref: '#/$defs/b' },
      b: { allOf: [{ $ref: '#/$defs/a' }] },
    },
  },
});
const cases = contract('cases', {
  input_schema: {
    type: 'object',
    properties: { kind: { enum: ['a', 'b'] }, card: { type: 'string' } },
    required: ['kind'],
    if: { properties: { kind: { const: 'a' } } },
    // biome-ignore lint/suspicious/noThenProperty: a word of JSON Schema
    then: { properties: { extra: { type: 'string' } } },
    dependentSchemas: { card: { properties: { billing: { type: 'string' } } } },
  },
});
const tell = contract('tell', { input_schema: { type: 'object' } });

/** A caller's file: each marked line must be a mistake, and no other line may be one. */
const PROGRAM = `
import { createErrand, unwrap } from '@errand/client';
import type { Actions } from './errand.js';

const errand = createErrand<Actions>({ url: 'http://localhost', tenant: 't', apiKey: 'k' });
const resource = { project_id: 'p', page: '1' };
const tree = { children: [{ children: [] }] };
const job = await errand.run('render', { size: [1, 'mm'], tree, note: null }, { resource, metadata: { a: 'b' } });
const ended = await errand.wait(job);
if (ended.status === 'succeeded' && !ended.results_link) ended.results.pages.toFixed();
if (ended.results_link) ended.results_link.sha256.toUpperCase();
const result = await (await errand.result(ended)).json();
result.pages.toFixed();
unwrap(ended);
await errand.run('tell', { anything: [1] });
await errand.run('tell', {}, { startAfter: new Date() });
await errand.runBatch('render', [{ input: { size: [1, 'in'], tree }, metadata: {} }], { resource });
await errand.validate('tell', {});
await errand.run('named', { children: [{ children: [], deep: 'd' }] });
await errand.run('mixed', { more: 'm', x: 1, kept: 2, lost: [], loop: {}, none: [] });
await errand.run('cases', { kind: 'a', extra: 'e', billing: 'b' });

// @ts-expect-error there is no such action
await errand.run('rendr', {});
// @ts-expect-error not a unit
await errand.run('render', { size: [1, 'km'], tree }, { resource });
// @ts-expect-error too long
await errand.run('render', { size: [1, 'mm', 2], tree }, { resource });
// @ts-expect-error without a tree
await errand.run('render', { size: [1, 'mm'] }, { resource });
// @ts-expect-error a wrong leaf
await errand.run('render', { size: [1, 'mm'], tree: { children: [{ child: 1 }] } }, { resource });
// @ts-expect-error a member that is not known
await errand.run('render', { size: [1, 'mm'], tree, colour: 'red' }, { resource });
// @ts-expect-error without its resource
await errand.run('render', { size: [1, 'mm'], tree });
// @ts-expect-error with half of its resource
await errand.run('render', { size: [1, 'mm'], tree }, { resource: { page: '1' } });
// @ts-expect-error a resource that it does not have
await errand.run('tell', {}, { resource: { page: '1' } });
// @ts-expect-error a wrong item
await errand.runBatch('render', [{ input: {} }], { resource });
// @ts-expect-error results may be missing
ended.results.pages;
// @ts-expect-error not a member of the result
result.words;
// @ts-expect-error a wrong leaf of a schema that is a reference
await errand.run('named', { children: [{ child: [] }] });
// @ts-expect-error not what the anchor leads to
await errand.run('named', { children: [], deep: 1 });
// @ts-expect-error without what stands beside a reference
await errand.run('mixed', { x: 1 });
// @ts-expect-error without what is required of the reference
await errand.run('mixed', { more: 'm' });
// @ts-expect-error not what is behind a pointer into other words
await errand.run('mixed', { more: 'm', x: 1, kept: 'k' });
// @ts-expect-error a list that has to be empty
await errand.run('mixed', { more: 'm', x: 1, none: [1] });
// @ts-expect-error not a kind
await errand.run('cases', { kind: 'c' });
`;

async function compilerSays(types: string, program: string): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'errand-types-'));
  try {
    const config = {
      extends: join(ROOT, 'tsconfig.base.json'),
      compilerOptions: {
        types: [],
        lib: ['es2024', 'dom', 'dom.asynciterable'],
        skipLibCheck: false,
        paths: { '@errand/client': [join(ROOT, 'libs', 'client', 'src', 'index.ts')] },
      },
      files: ['program.mts', 'errand.d.ts'],
    };
    await writeFile(join(dir, 'tsconfig.json'), JSON.stringify(config));
    await writeFile(join(dir, 'errand.d.ts'), types);
    await writeFile(join(dir, 'program.mts'), program);
    await promisify(execFile)('tsc', ['-p', dir]);
    return '';
  } catch (error) {
    return (error as { stdout: string }).stdout;
  } finally {
    await rm(dir, { recursive: true });
  }
}

const COMPILER_MS = 60_000;

test('a wrong input, result or resource is a compiler error, and a right one is not', {
  timeout: COMPILER_MS,
}, async () => {
  const types = await actionTypes([render, tell, named, mixed, cases]);
  expect(await compilerSays(types, PROGRAM)).toBe('');
  expect(await compilerSays(types, `${PROGRAM}\nawait errand.run('render', {}, { resource });`)).toMatch(
    /^\S+program\.mts\(\d+,\d+\): error TS2739/,
  );
});

test('nothing that a server sends escapes from its comment, or is read from elsewhere', async () => {
  const reaching = contract('reaching', {
    input_schema: {
      type: 'object',
      properties: { a: { $ref: 'file:///etc/passwd' }, b: { tsType: 'import("evil").T', type: 'string' } },
    },
  });
  const types = await actionTypes([render, reaching]);
  expect(types).toContain('Draws a page. * / export const evil = 1; /*');
  expect(types).not.toMatch(/evil"|root:/);
  expect(types).toMatch(/a\?: unknown;\s+b\?: string;/);
});

test('a server without actions has types, too', async () => {
  expect(await actionTypes([])).toContain('export interface Actions {}');
});

test('an action that cannot be typed is unknown, and the others have their types', async () => {
  const warnings: string[] = [];
  const odd = contract('odd', { input_schema: { enum: 5 } });
  const types = await actionTypes([odd, named], (line) => warnings.push(line));
  expect(types).toMatch(/odd: \{\s+input: unknown;\s+result: unknown;/);
  expect(types).toContain('named: {\n    input: Leaf;');
  expect(warnings).toEqual([expect.stringMatching(/^odd: cannot generate types from its schemas/)]);
});
