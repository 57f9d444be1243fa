import { TenantDeletion } from '@errand/contracts';
import { defineRoute } from '../http/define-route.ts';
import { Refusal } from '../http/problem.ts';
import { answer } from '../http/respond.ts';
import { json } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import { named } from '../openapi/schemas.ts';
import type { AdminGroup } from './admin-group.ts';
import { knownTenantId } from './tenant-id.ts';

const Deletion = named('TenantDeletion', TenantDeletion);

/** 202 once the deletion is stored; it goes on whichever process ends. */
export const deleteTenant = defineRoute({
  method: 'delete',
  path: '/admin/tenants/{tenant_id}',
  key: 'admin',
  id: 'deleteTenant',
  tag: 'Administration',
  summary: 'Delete a tenant',
  description:
    'With its keys, endpoints, jobs, events, payloads and deliveries, for good. Its keys end at once. What stays is a record that it was deleted.',
  parameters: [parameters.tenantId],
  answers: { 202: json('It is noted down.', Deletion, { headers: ['Location'] }) },
  problems: ['unknown_tenant', 'log_unavailable'],
  handle:
    ({ admin: { bus, tenantBucket } }: AdminGroup) =>
    async (c, { actor }) => {
      const tenantId = knownTenantId(c);
      // One that is being deleted is noted down again: its deletion is told.
      if (!(tenantBucket.peek(tenantId) ?? (await tenantBucket.get(tenantId))))
        throw new Refusal('unknown_tenant');
      const asked = await bus.commands.askProjection('delete_tenant', { tenant_id: tenantId, actor });
      if (asked.kind === 'none') throw new Refusal('unknown_tenant');
      return answer(c, {
        status: 202,
        body: asked.deletion,
        headers: { location: `/admin/tenants/${tenantId}/deletion` },
      });
    },
});

/** How the deletion of a tenant stands, or when it was deleted. */
export const getDeletion = defineRoute({
  method: 'get',
  path: '/admin/tenants/{tenant_id}/deletion',
  key: 'admin',
  id: 'getDeletion',
  tag: 'Administration',
  summary: 'How the deletion of a tenant stands',
  description: 'Also once it is over, by the record that stays.',
  parameters: [parameters.tenantId],
  answers: { 200: json('The deletion.', Deletion) },
  problems: ['unknown_tenant', 'log_unavailable'],
  handle:
    ({ admin: { bus } }: AdminGroup) =>
    async (c) => {
      const tenantId = knownTenantId(c);
      const asked = await bus.commands.askProjection('deletion_status', { tenant_id: tenantId });
      if (asked.kind === 'known') return answer(c, { status: 200, body: asked.deletion });
      let deletedMs: number | undefined;
      for await (const { change, filedMs } of bus.config.read({ tenantId })) {
        if (change?.kind === 'tenant') deletedMs = change.change === 'deleted' ? filedMs : undefined;
      }
      if (deletedMs === undefined) throw new Refusal('unknown_tenant');
      const body: TenantDeletion = {
        tenant_id: tenantId,
        step: 'deleted',
        requested_at: null,
        deleted_at: new Date(deletedMs).toISOString(),
        removed: null,
        error: null,
      };
      return answer(c, { status: 200, body });
    },
});
