import { Tenant, TenantLimits } from '@errand/contracts';
import { z } from 'zod';
import { defineRoute } from '../http/define-route.ts';
import { isLimited } from '../http/key-limits.ts';
import { answer } from '../http/respond.ts';
import { json } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import { named } from '../openapi/schemas.ts';
import type { RunsGroup } from './runs-group.ts';

const OwnLimits = named(
  'OwnLimits',
  z.object({
    limits: TenantLimits.meta({ description: 'One that is absent does not hold.' }),
    paused: z.boolean(),
    actions: Tenant.shape.actions
      .unwrap()
      .nullable()
      .meta({ description: 'The only actions that it may run; null: all.' }),
    queued: z.int().nullable().meta({
      description:
        'How many of its jobs are queued; null for a key that is for some jobs, or if nobody says.',
    }),
  }),
);

/** What the tenant may have, and how much of its queue it uses. */
export const getLimits = defineRoute({
  method: 'get',
  path: '/v2/tenants/{tenant_id}/limits',
  key: 'tenant',
  scope: 'any',
  query: 'none',
  id: 'getLimits',
  tag: 'Jobs',
  summary: "The tenant's limits",
  description: 'Every key may read them.',
  parameters: [parameters.tenantId],
  answers: { 200: json('The limits.', OwnLimits) },
  problems: [],
  handle:
    ({ runs: { limits } }: RunsGroup) =>
    async (c, { tenantId, only }) => {
      const own = limits.of(tenantId);
      const queued = isLimited(only) ? null : await limits.queued(tenantId);
      return answer(c, {
        status: 200,
        body: {
          limits: own?.limits ?? {},
          paused: own?.paused ?? false,
          actions: own?.actions ?? null,
          queued: queued ?? null,
        },
      });
    },
});
