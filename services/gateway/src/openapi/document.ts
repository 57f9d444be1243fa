import type { CatalogueEntry } from '../actions/action-catalogue.ts';
import { type ActionSchemas, actionSchemasOf, placeOf } from './action-schemas.ts';
import { pascalCase } from './component-names.ts';
import { type ActionOperation, describeAction } from './describe-action.ts';
import { type Answer, HEADERS, type HeaderName, type Operation, type Parameter, TAGS } from './operation.ts';
import { type ProblemAnswer, problemAnswersOf } from './problem-answers.ts';
import { type Schema, writeSchemas } from './schemas.ts';
import { webhookMessages } from './webhook-messages.ts';

type Json = Record<string, unknown>;

/** What the document is made of: operations that are always there, and those that every action has. */
export interface Described {
  readonly routes: readonly Operation[];
  readonly actionRoutes: readonly ActionOperation[];
}

/** The OpenAPI 3.1 document of the API with these actions. */
export function openapiDocument(described: Described, entries: readonly CatalogueEntry[]): Json {
  const { components, inlined } = writeSchemas();
  const actions = actionsOf(described, entries, components.JobSummary ?? {});
  const operations = [...actions.flatMap(({ operations }) => operations), ...described.routes];
  const problems = new Map<string, ProblemAnswer>();
  const paths: Record<string, Json> = {};
  const ids = new Set<string>();
  for (const operation of operations) {
    const answers = problemAnswersOf(operation);
    for (const answer of answers) problems.set(answer.name, answer);
    let id = operation.id;
    while (ids.has(id)) id += '_';
    ids.add(id);
    paths[operation.path] = {
      ...paths[operation.path],
      [operation.method]: operationObject({ ...operation, id }, answers),
    };
  }
  return inlined({
    openapi: '3.1.0',
    info: INFO,
    servers: [{ url: '/' }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    webhooks: webhookMessages(),
    components: {
      schemas: Object.assign({}, components, ...actions.map(({ schemas }) => schemas.components)),
      responses: Object.fromEntries([...problems].map(([name, answer]) => [name, problemObject(answer)])),
      headers: HEADERS,
      securitySchemes: {
        apiKey: { type: 'http', scheme: 'bearer', description: 'A key of the tenant.' },
        adminKey: { type: 'http', scheme: 'bearer', description: 'The admin key, which opens every tenant.' },
      },
    },
  });
}

const INFO = {
  title: 'Errand',
  version: '2',
  summary: 'Slow API actions as run, status and webhook.',
  description:
    'Every error is `application/problem+json` (RFC 9457) with a stable `code`. A path that is here with another method ' +
    'answers 405, `HEAD` is answered as `GET`, and `X-Request-Id` is taken over if it is 1-128 of `A-Z a-z 0-9 . _ ~ -`.',
  contact: { name: 'The operators of this server' },
  license: { name: 'Apache 2.0', identifier: 'Apache-2.0' },
};

/** Two actions whose paths would be the same to a reader, or that have the path of something else, are left out. */
function actionsOf({ routes, actionRoutes }: Described, entries: readonly CatalogueEntry[], summary: Schema) {
  const taken = new Set(routes.map(({ path }) => shapeOf(path)));
  const names = new Set<string>();
  return entries.flatMap((entry): { schemas: ActionSchemas; operations: Operation[] }[] => {
    let pascalName = pascalCase(entry.contract.name);
    while (names.has(pascalName)) pascalName += '_';
    const shape = shapeOf(`${placeOf(entry.contract).path}/cancel`);
    if (taken.has(shape)) return [];
    taken.add(shape);
    names.add(pascalName);
    const schemas = actionSchemasOf(entry.contract, { pascalName, summary });
    return [{ schemas, operations: describeAction(entry, schemas, actionRoutes) }];
  });
}

function shapeOf(path: string): string {
  return path.replaceAll(/\{\w+\}/g, '{}');
}

const SECURITY: Record<Operation['key'], Json[]> = {
  none: [],
  admin: [{ adminKey: [] }],
  tenant: [{ apiKey: [] }, { adminKey: [] }],
};

function operationObject(operation: Operation, problems: readonly ProblemAnswer[]): Json {
  const { id, tag, summary, description, key, parameters = [], body, answers } = operation;
  return {
    operationId: id,
    tags: [tag],
    summary,
    description,
    security: SECURITY[key],
    ...(parameters.length > 0 ? { parameters: parameters.map(parameterObject) } : {}),
    ...(body ? { requestBody: bodyObject(body) } : {}),
    responses: {
      ...Object.fromEntries(Object.entries(answers).map(([status, each]) => [status, answerObject(each)])),
      ...Object.fromEntries(
        problems.map((problem) => [problem.status, problemOrAnswer(problem, answers[problem.status])]),
      ),
    },
  };
}

function parameterObject({ isList, ...parameter }: Parameter): Json {
  return { ...parameter, ...(isList ? { style: 'form', explode: false } : {}) };
}

function bodyObject({ schema, required, example }: NonNullable<Operation['body']>): Json {
  const content = { schema, ...(example === undefined ? {} : { example }) };
  return { required, content: { 'application/json': content } };
}

/** A problem; where an answer of another kind has its status, both of them. */
function problemOrAnswer(problem: ProblemAnswer, answer: Answer | undefined): Json {
  if (!answer) return { $ref: `#/components/responses/${problem.name}` };
  const { description, content, headers } = problemObject(problem);
  return {
    description: `${description}; or ${answer.description}`,
    headers,
    content: { ...answer.content, ...(content as Json) },
  };
}

function answerObject({ description, content, headers = [] }: Answer): Json {
  return { description, headers: headersObject(headers), ...(content ? { content } : {}) };
}

function problemObject({ description, headers, schema }: ProblemAnswer): Json {
  const content = { 'application/problem+json': { schema } };
  return { description, headers: headersObject(headers), content };
}

function headersObject(names: readonly HeaderName[]): Json {
  const all: HeaderName[] = [...names, 'X-Request-Id'];
  return Object.fromEntries(all.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}
