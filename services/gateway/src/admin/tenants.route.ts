import { Tenant, TenantId, TenantLimits } from '@errand/contracts';
import { z } from 'zod';
import { parseBody } from '../http/body-errors.ts';
import { defineRoute } from '../http/define-route.ts';
import { Refusal } from '../http/problem.ts';
import { type HttpGroup, readOptionalJsonObject } from '../http/read-body.ts';
import type { Ctx } from '../http/request-log.ts';
import { answer } from '../http/respond.ts';
import { inQuery, json, jsonBody } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import { named } from '../openapi/schemas.ts';
import type { AdminGroup } from './admin-group.ts';
import { createAdminQuery } from './admin-query.ts';
import { knownTenantId } from './tenant-id.ts';

const MAX_LIMIT = 1_000;
const DEFAULT_LIMIT = 100;

const TenantView = named(
  'Tenant',
  Tenant.extend({ limits: TenantLimits, paused: z.boolean() }).meta({
    description: 'A limit that is absent does not hold. `paused`: none of its jobs begins.',
  }),
);

const LimitsBody = named(
  'TenantRequest',
  z.strictObject({
    limits: z.strictObject(TenantLimits.shape).optional(),
    actions: Tenant.shape.actions.unwrap().nullable().optional().meta({
      description: 'The only actions that it may run; null: all.',
    }),
  }),
);

/** 201 for a new tenant, 200 for one that exists. */
export const putTenant = defineRoute({
  method: 'put',
  path: '/admin/tenants/{tenant_id}',
  key: 'admin',
  id: 'putTenant',
  tag: 'Administration',
  summary: 'Make a tenant, or change its limits',
  description:
    'With `limits`, the tenant has exactly these from then on, within a second; the same of `actions`. Without, one that is there stays as it is.',
  parameters: [parameters.tenantId],
  body: jsonBody(LimitsBody, { required: false, example: { limits: { max_running: 10, weight: 2 } } }),
  answers: { 200: json('It was there.', TenantView), 201: json('It is made.', TenantView) },
  problems: ['invalid_input', 'tenant_deleting', 'log_unavailable'],
  handle:
    ({ admin, http }: AdminGroup & HttpGroup) =>
    async (c, { actor }) => {
      const tenantId = readTenantId(c);
      const { limits, actions } = parseBody(LimitsBody, (await readOptionalJsonObject(c, http)).body);
      let isNew = false;
      const tenant = await admin.tenantBucket.by(actor).upsert(tenantId, (stored) => {
        if (stored?.deleting) throw new Refusal('tenant_deleting');
        isNew = stored === undefined;
        const {
          limits: limitsBefore,
          actions: actionsBefore,
          ...rest
        } = stored ?? {
          tenant_id: tenantId,
          created_at: new Date(admin.now()).toISOString(),
        };
        if (stored && limits === undefined && actions === undefined) return stored;
        const made = {
          limits: limits ?? limitsBefore,
          actions: actions === null ? undefined : (actions ?? actionsBefore),
        };
        return {
          ...rest,
          ...(made.limits && { limits: made.limits }),
          ...(made.actions && { actions: made.actions }),
        };
      });
      return answer(c, { status: isNew ? 201 : 200, body: viewOf(tenant) });
    },
});

export const getTenant = defineRoute({
  method: 'get',
  path: '/admin/tenants/{tenant_id}',
  key: 'admin',
  id: 'getTenant',
  tag: 'Administration',
  summary: 'A tenant',
  description: 'With its limits.',
  parameters: [parameters.tenantId],
  answers: { 200: json('The tenant.', TenantView) },
  problems: ['unknown_tenant', 'log_unavailable'],
  handle:
    ({ admin }: AdminGroup) =>
    async (c) => {
      const tenant = await admin.tenants.find(knownTenantId(c));
      if (!tenant) throw new Refusal('unknown_tenant');
      return answer(c, { status: 200, body: viewOf(tenant) });
    },
});

export const listTenants = defineRoute({
  method: 'get',
  path: '/admin/tenants',
  key: 'admin',
  id: 'listTenants',
  tag: 'Administration',
  summary: 'Tenants',
  description: 'By their ids, with their limits.',
  parameters: [
    inQuery('after', 'The id behind which to begin.', { type: 'string' }),
    parameters.limit(MAX_LIMIT, DEFAULT_LIMIT),
  ],
  answers: {
    200: json('A page.', z.object({ tenants: z.array(TenantView), next_after: z.string().nullable() })),
  },
  problems: ['invalid_input', 'log_unavailable'],
  handle:
    ({ admin }: AdminGroup) =>
    async (c) => {
      const query = createAdminQuery(c.req.query());
      const limit =
        query.read('limit', {
          parse: (sent) => (/^\d{1,4}$/.test(sent) && isLimit(Number(sent)) ? Number(sent) : undefined),
          detail: `must be a whole number from 1 to ${MAX_LIMIT}`,
        }) ?? DEFAULT_LIMIT;
      const after = query.read('after', {
        parse: (sent) => TenantId.safeParse(sent).data,
        detail: 'must be the id of a tenant',
      });
      query.check(['after', 'limit']);
      const ids = [...admin.tenantBucket.entries()].map(([id]) => id).sort();
      const from = after === undefined ? 0 : ids.findIndex((id) => id > after);
      const page = from < 0 ? [] : ids.slice(from, from + limit);
      const tenants = page.flatMap((id) => admin.tenantBucket.peek(id) ?? []).map(viewOf);
      const isLast = from < 0 || from + limit >= ids.length;
      return answer(c, { status: 200, body: { tenants, next_after: isLast ? null : (page.at(-1) ?? null) } });
    },
});

const isLimit = (count: number) => count >= 1 && count <= MAX_LIMIT;

const setPaused = (isPaused: boolean) =>
  defineRoute({
    method: 'post',
    path: `/admin/tenants/{tenant_id}/${isPaused ? 'pause' : 'resume'}`,
    key: 'admin',
    id: isPaused ? 'pauseTenant' : 'resumeTenant',
    tag: 'Administration',
    summary: isPaused ? 'Let no more jobs of a tenant begin' : 'Let the jobs of a tenant begin again',
    description: isPaused
      ? 'Runs are accepted, and wait. What runs goes on, and so do the few jobs that were handed out already.'
      : 'What has waited has its turn.',
    parameters: [parameters.tenantId],
    answers: { 200: json('The tenant.', TenantView) },
    problems: ['unknown_tenant', 'log_unavailable'],
    handle:
      ({ admin }: AdminGroup) =>
      async (c, { actor }) => {
        const tenant = await admin.tenantBucket
          .by(actor)
          .change(knownTenantId(c), ({ paused: _, ...stored }) =>
            isPaused ? { ...stored, paused: true } : stored,
          );
        if (!tenant) throw new Refusal('unknown_tenant');
        return answer(c, { status: 200, body: viewOf(tenant) });
      },
  });

export const pauseTenant = setPaused(true);
export const resumeTenant = setPaused(false);

/** @throws Refusal invalid_input */
function readTenantId(c: Ctx): string {
  const tenantId = c.req.param('tenant_id') ?? '';
  const parsed = TenantId.safeParse(tenantId);
  if (!parsed.success) {
    const detail = parsed.error.issues[0]?.message ?? 'is not valid';
    throw new Refusal('invalid_input', { errors: [{ parameter: 'tenant_id', code: 'pattern', detail }] });
  }
  c.env.tenantId = tenantId;
  return tenantId;
}

function viewOf({ limits = {}, paused = false, ...tenant }: Tenant): z.infer<typeof TenantView> {
  return { ...tenant, limits, paused };
}
