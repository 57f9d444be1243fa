import { expect, test } from 'vitest';
import { createAnswerCheck } from './answer-check.ts';
import { type OpenapiDocument, operationsOf } from './openapi-document.ts';

const json = (schema: object) => ({ content: { 'application/json': { schema: schema as never } } });
const object = { type: 'object', properties: { id: { type: 'integer' } }, required: ['id'] };
const problem = {
  allOf: [{ $ref: '#/components/schemas/Problem' }, { properties: { code: { enum: ['gone'] } } }],
};
const document: OpenapiDocument = {
  paths: {
    '/a': {
      get: {
        operationId: 'getA',
        security: [],
        responses: {
          200: json({ $ref: '#/components/schemas/A' }),
          204: {},
          410: { $ref: '#/components/responses/Gone' },
        },
      },
    },
  },
  components: {
    schemas: {
      A: object,
      Problem: { type: 'object', properties: { title: {} }, required: ['code', 'title'] },
    },
    responses: { Gone: { content: { 'application/problem+json': { schema: problem as never } } } },
  },
};
const [operation] = operationsOf(document);
const check = createAnswerCheck(document);

function found(status: number, body: unknown, contentType = 'application/json'): string[] {
  if (!operation) throw new Error('the document has an operation');
  return check(operation, { status, contentType, text: JSON.stringify(body) ?? '', isCut: false });
}

test('answers that the document lists are fine', () => {
  expect(found(200, { id: 1 })).toEqual([]);
  expect(found(204, undefined, '')).toEqual([]);
  expect(found(410, { code: 'gone', title: 'Gone' }, 'application/problem+json')).toEqual([]);
});

test.each([
  ['a status that is not listed', found(500, {}), /500 is not listed/],
  ['another type of body', found(200, 'x', 'text/html'), /text\/html is not listed/],
  ['a body where there is none', found(204, 1), /a body/],
  ['a member too few', found(200, {}), /required/],
  ['a member that is not named', found(200, { id: 1, more: 1 }), /additional/],
  ['an error that is no problem', found(410, { code: 'gone', title: 'x' }), /an error as application\/json/],
  [
    'an error with another code',
    found(410, { code: 'x', title: 'x' }, 'application/problem+json'),
    /allowed/,
  ],
])('%s is found', (_, violations, expected) => {
  expect(violations.join()).toMatch(expected);
});
