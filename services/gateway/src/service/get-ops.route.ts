import { z } from 'zod';
import type { Handler } from '../http/authenticate.ts';
import { defineRoute } from '../http/define-route.ts';
import { json, text } from '../openapi/operation.ts';
import type { ServiceGroup } from './service-group.ts';

const Readiness = z.object({
  status: z.enum(['ready', 'not ready']),
  failing: z.array(z.string()),
  degraded: z.array(z.string()),
  replaced_actions: z
    .record(z.string(), z.array(z.string()))
    .optional()
    .meta({ description: 'Actions of which several contracts are live, with the ids of these.' }),
});

export const getHealth = defineRoute({
  method: 'get',
  path: '/healthz',
  key: 'none',
  hosts: 'any',
  id: 'getHealth',
  tag: 'Service',
  summary: 'Whether the process runs',
  description: 'It does if it answers.',
  answers: { 200: json('It runs.', z.object({ status: z.literal('ok') })) },
  handle: askOps,
});

export const getReadiness = defineRoute({
  method: 'get',
  path: '/readyz',
  key: 'none',
  hosts: 'any',
  id: 'getReadiness',
  tag: 'Service',
  summary: 'Whether the process can do its work',
  description: 'For who sends it requests.',
  answers: {
    200: json('It can, but for what `degraded` names.', Readiness),
    503: json('It cannot: `failing` names what is missing.', Readiness),
  },
  handle: askOps,
});

export const getMetrics = defineRoute({
  method: 'get',
  path: '/metrics',
  key: 'none',
  id: 'getMetrics',
  tag: 'Service',
  summary: 'Metrics',
  description: 'Prometheus text.',
  answers: { 200: text('The metrics.', 'text/plain') },
  handle: askOps,
});

/** Every service answers these three the same way. */
function askOps({ service: { ops } }: ServiceGroup): Handler {
  return (c) => ops.routes.fetch(c.req.raw);
}
