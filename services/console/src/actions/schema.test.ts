import { expect, test } from 'vitest';
import { fieldOf, type Schema } from './schema.ts';

test.each<[string, Schema, string, boolean]>([
  ['an object', { type: 'object', properties: { a: {} } }, 'object', false],
  ['an object without known members', { type: 'object' }, 'json', false],
  ['an array', { type: 'array', items: { type: 'string' } }, 'array', false],
  ['an integer', { type: 'integer' }, 'number', false],
  ['a text or null', { type: ['string', 'null'] }, 'string', true],
  ['a nullable choice', { anyOf: [{ type: 'number' }, { type: 'null' }] }, 'number', true],
  ['an enum', { enum: ['a', 1, null] }, 'json', false],
  ['an enum of plain values', { enum: ['a', 1] }, 'choice', false],
  ['a constant', { const: 'a' }, 'choice', false],
  ['a union', { oneOf: [{ type: 'string' }, { type: 'number' }] }, 'json', false],
  ['two types', { type: ['string', 'number'] }, 'json', false],
  ['anything', {}, 'json', false],
  ['a reference', { $ref: '#/$defs/a~1b' }, 'boolean', false],
  ['a reference to itself', { $ref: '#/$defs/loop' }, 'json', false],
  ['a reference to nothing', { $ref: '#/$defs/none' }, 'json', false],
])('%s is drawn as %s', (_, schema, kind, isNullable) => {
  const root: Schema = { $defs: { 'a/b': { type: 'boolean' }, loop: { $ref: '#/$defs/loop' } } };
  expect(fieldOf(schema, root)).toMatchObject({ kind, isNullable });
});
