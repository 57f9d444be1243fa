import { Problem } from '@errand/contracts';
import { z } from 'zod';
import { WORKER_ROUTES, type WorkerRoute } from './worker-routes.ts';

const PROBLEM = { $ref: '#/components/schemas/Problem' };

const TAG = 'Workers';
const DESCRIPTION = 'Workers get attempts of jobs from an executor, and tell what became of them.';

/** The OpenAPI document of the workers' API. */
export function workerDocument(version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const [operationId, route] of Object.entries<WorkerRoute>(WORKER_ROUTES)) {
    paths[route.path] = { ...paths[route.path], [route.method]: operationOf(operationId, route) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Errand: remote workers', version, description: DESCRIPTION, contact: { name: 'Errand' } },
    servers: [{ url: '/' }],
    tags: [{ name: TAG, description: DESCRIPTION }],
    security: [{ workerKey: [] }],
    paths,
    components: {
      securitySchemes: { workerKey: { type: 'http', scheme: 'bearer' } },
      schemas: { Problem: schemaOf(Problem, 'output') },
    },
  };
}

function operationOf(operationId: string, { summary, path, body, answer, refusals }: WorkerRoute): object {
  const isFile = body === 'file';
  const refused = [401, 403, ...(isFile ? [] : [400, 413]), 422, ...refusals].sort();
  return {
    operationId,
    summary,
    description: `${summary}.`,
    tags: [TAG],
    parameters: [
      ...[...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => parameter(name ?? '', 'path')),
      ...(isFile ? [parameter('filename', 'query')] : []),
    ],
    requestBody: {
      required: true,
      content: isFile ? { '*/*': {} } : { 'application/json': { schema: schemaOf(body, 'input') } },
    },
    responses: {
      ...(answer
        ? {
            200: {
              description: 'Done.',
              content: { 'application/json': { schema: schemaOf(answer, 'output') } },
            },
          }
        : { 204: { description: 'Done.' } }),
      ...Object.fromEntries(
        [...new Set(refused)].map((status) => [
          status,
          { description: 'Refused.', content: { 'application/problem+json': { schema: PROBLEM } } },
        ]),
      ),
    },
  };
}

function parameter(name: string, place: 'path' | 'query'): object {
  return { name, in: place, required: place === 'path', schema: { type: 'string' } };
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): object {
  const { $schema: _, ...own } = z.toJSONSchema(schema, { io });
  return own;
}
