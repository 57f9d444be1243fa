import { z } from 'zod';
import { type Answer, json, type Operation } from './operation.ts';

const shared = { tag: 'Service', key: 'none' } as const;
const Readiness = z.object({
  status: z.enum(['ready', 'not ready']),
  failing: z.array(z.string()),
  degraded: z.array(z.string()),
  replaced_actions: z
    .record(z.string(), z.array(z.string()))
    .optional()
    .meta({ description: 'Actions of which several contracts are live, with the ids of these.' }),
});

const text = (description: string, type: string): Answer => ({
  description,
  content: { [type]: { schema: { type: 'string' } } },
});

export const serviceOperations: Operation[] = [
  {
    ...{ ...shared, method: 'get', path: '/healthz', id: 'getHealth', summary: 'Whether the process runs' },
    description: 'It does if it answers.',
    answers: { 200: json('It runs.', z.object({ status: z.literal('ok') })) },
  },
  {
    ...{ ...shared, method: 'get', path: '/readyz', id: 'getReadiness' },
    summary: 'Whether the process can do its work',
    description: 'For who sends it requests.',
    answers: {
      200: json('It can, but for what `degraded` names.', Readiness),
      503: json('It cannot: `failing` names what is missing.', Readiness),
    },
  },
  {
    ...{ ...shared, method: 'get', path: '/metrics', id: 'getMetrics', summary: 'Metrics' },
    description: 'Prometheus text.',
    answers: { 200: text('The metrics.', 'text/plain') },
  },
  {
    ...{ ...shared, method: 'get', path: '/openapi.json', id: 'getOpenapi', summary: 'This document' },
    description: 'It changes with the actions that executors announce.',
    answers: {
      200: {
        description: 'OpenAPI 3.1.',
        content: { 'application/json': { schema: { type: 'object' } } },
        headers: ['ETag'],
      },
      304: { description: 'The caller has it already.', headers: ['ETag'] },
    },
  },
  {
    ...{ ...shared, method: 'get', path: '/docs', id: 'getDocs', summary: 'This document, for people' },
    description: 'A page that needs nothing from anywhere else.',
    answers: { 200: text('The page.', 'text/html') },
  },
  {
    ...{ ...shared, method: 'get', path: '/docs/{file}', id: 'getDocsFile', summary: "The page's files" },
    description: 'A script of its own and the one that shows the document.',
    parameters: [
      {
        name: 'file',
        in: 'path',
        description: 'As the page names it.',
        schema: { type: 'string' },
        required: true,
      },
    ],
    answers: { 200: text('The file.', 'text/javascript') },
    problems: ['unknown_route'],
  },
];
