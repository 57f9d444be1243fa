import { hash, randomBytes } from 'node:crypto';
import { ApiKey, TenantId } from '@errand/contracts';
import { z } from 'zod';
import { parseBody, printable } from '../http/body-errors.ts';
import { defineRoute } from '../http/define-route.ts';
import { Refusal } from '../http/problem.ts';
import { type HttpGroup, readJsonObject } from '../http/read-body.ts';
import type { Ctx } from '../http/request-log.ts';
import { answer, answerEmpty } from '../http/respond.ts';
import { KeyUsageView } from '../load/key-usage.ts';
import { inPath, json, jsonBody } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import { named } from '../openapi/schemas.ts';
import type { AdminGroup } from './admin-group.ts';

const KEY_ID = /^[0-9a-f]{64}$/;

/** A key as callers read it, without its token. */
const KeyView = named('ApiKey', ApiKey.extend({ key_id: z.string() }));

const KeyBody = named('ApiKeyRequest', z.strictObject({ name: printable(ApiKey.shape.name) }));

/** A new key. Its token is in this answer and nowhere else. */
export const createKey = defineRoute({
  method: 'post',
  path: '/admin/tenants/{tenant_id}/keys',
  key: 'admin',
  id: 'createKey',
  tag: 'Administration',
  summary: 'Make an API key',
  description: 'The token is in this answer and nowhere else.',
  parameters: [parameters.tenantId],
  body: jsonBody(KeyBody, { example: { name: 'billing' } }),
  answers: { 201: json('The key.', KeyView.extend({ api_key: z.string() })) },
  problems: ['unknown_tenant', 'log_unavailable'],
  handle:
    ({ admin, http }: AdminGroup & HttpGroup) =>
    async (c) => {
      const tenantId = await readTenantId(c, admin);
      const { name } = parseBody(KeyBody, (await readJsonObject(c, http)).body);
      const token = `errand_${randomBytes(32).toString('base64url')}`;
      const keyId = hash('sha256', token, 'hex');
      const key: ApiKey = { tenant_id: tenantId, name, created_at: new Date(admin.now()).toISOString() };
      await admin.keys.put(keyId, key);
      return answer(c, { status: 201, body: { key_id: keyId, ...key, api_key: token } });
    },
});

/** The tenant's keys without their tokens, oldest first. */
export const listKeys = defineRoute({
  method: 'get',
  path: '/admin/tenants/{tenant_id}/keys',
  key: 'admin',
  id: 'listKeys',
  tag: 'Administration',
  summary: 'API keys of a tenant',
  description: 'Without their tokens, oldest first.',
  parameters: [parameters.tenantId],
  answers: { 200: json('The keys.', z.object({ keys: z.array(KeyView) })) },
  problems: ['unknown_tenant', 'log_unavailable'],
  handle:
    ({ admin }: AdminGroup) =>
    async (c) => {
      const tenantId = await readTenantId(c, admin);
      const keys = [...admin.keys.entries()]
        .filter(([, key]) => key.tenant_id === tenantId)
        .map(([keyId, key]) => ({ key_id: keyId, ...key }))
        .sort((a, b) => (a.created_at < b.created_at ? -1 : 1));
      return answer(c, { status: 200, body: { keys } });
    },
});

/** @throws Refusal unknown_tenant */
async function readTenantId(c: Ctx, { tenants }: AdminGroup['admin']): Promise<string> {
  const tenantId = c.req.param('tenant_id') ?? '';
  const known = TenantId.safeParse(tenantId).success && (await tenants.find(tenantId));
  if (!known) throw new Refusal('unknown_tenant');
  c.env.tenantId = tenantId;
  return tenantId;
}

/** What the keys that cost this gateway most have cost it in the last one to two minutes. */
export const getKeyUsage = defineRoute({
  method: 'get',
  path: '/admin/usage',
  key: 'admin',
  id: 'getKeyUsage',
  tag: 'Administration',
  summary: 'What keys cost',
  description:
    'The ten keys that cost this gateway most in the last one to two minutes, by time, bytes, requests or connections, and all others together.',
  answers: { 200: json('By key.', KeyUsageView) },
  handle:
    ({ admin: { keyRequests } }: AdminGroup) =>
    (c) =>
      answer(c, { status: 200, body: keyRequests.report() }),
});

/** The key stops at once here and within a moment in every other gateway. */
export const deleteKey = defineRoute({
  method: 'delete',
  path: '/admin/keys/{key_id}',
  key: 'admin',
  id: 'deleteKey',
  tag: 'Administration',
  summary: 'Remove an API key',
  description: 'It stops at once here, and within a moment in every other gateway.',
  parameters: [inPath('key_id', "The key's id.", z.string().regex(KEY_ID))],
  answers: { 204: { description: 'It is gone.' } },
  problems: ['unknown_key', 'log_unavailable'],
  handle:
    ({ admin: { keys } }: AdminGroup) =>
    async (c) => {
      const keyId = c.req.param('key_id') ?? '';
      const key = KEY_ID.test(keyId) ? (keys.peek(keyId) ?? (await keys.get(keyId))) : undefined;
      if (!key) throw new Refusal('unknown_key');
      c.env.tenantId = key.tenant_id;
      await keys.delete(keyId);
      return answerEmpty(c, 204);
    },
});
