import { hash, randomBytes } from 'node:crypto';
import { ApiKey, Instant, TenantId } from '@errand/contracts';
import { createLimiter } from '@errand/runtime';
import { z } from 'zod';
import { parseBody, printable } from '../http/body-errors.ts';
import { defineRoute } from '../http/define-route.ts';
import { Refusal } from '../http/problem.ts';
import { type HttpGroup, readJsonObject, readOptionalJsonObject } from '../http/read-body.ts';
import type { Ctx } from '../http/request-log.ts';
import { answer, answerEmpty } from '../http/respond.ts';
import { ADMIN } from '../http/tokens.ts';
import { KeyUsageView } from '../load/key-usage.ts';
import { inPath, json, jsonBody } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import { named } from '../openapi/schemas.ts';
import { SentMetadata } from '../runs/job-options.ts';
import type { AdminGroup } from './admin-group.ts';

const KEY_ID = /^[0-9a-f]{64}$/;

const OwnKey = ApiKey.extend({ key_id: z.string() });
/** A key as callers read it, without its token. */
const ListedKey = named('ApiKey', OwnKey.extend({ last_used_at: Instant.nullable() }));

const { scopes, actions } = ApiKey.shape;
const filter = ApiKey.shape.metadata_filter.unwrap();
const KeyBody = named(
  'ApiKeyRequest',
  z.strictObject({
    name: printable(ApiKey.shape.name),
    scopes,
    actions,
    metadata_filter: SentMetadata.and(filter).optional(),
    expires_at: z.iso.datetime({ offset: true }).optional(),
  }),
);
const NewKey = OwnKey.extend({ api_key: z.string() });

const READS_AT_ONCE = 50;
const GRACE_S = 86_400;
const RotationBody = named(
  'ApiKeyRotation',
  z.strictObject({
    grace_s: z.int().min(0).max(2_592_000).optional().meta({
      description: 'For how many seconds the replaced key is still valid. Default: a day.',
    }),
  }),
);

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
  answers: { 201: json('The key.', NewKey) },
  problems: ['unknown_tenant', 'log_unavailable'],
  handle:
    ({ admin, http }: AdminGroup & HttpGroup) =>
    async (c) => {
      const tenantId = await readTenantId(c, admin);
      const { expires_at, ...about } = parseBody(KeyBody, (await readJsonObject(c, http)).body);
      const expiry = expires_at && { expires_at: new Date(expires_at).toISOString() };
      return answer(c, {
        status: 201,
        body: await makeKey({ tenant_id: tenantId, ...about, ...expiry }, admin),
      });
    },
});

async function makeKey(
  about: Omit<ApiKey, 'created_at'>,
  { keys, now }: AdminGroup['admin'],
): Promise<z.infer<typeof NewKey>> {
  const token = `errand_${randomBytes(32).toString('base64url')}`;
  const keyId = hash('sha256', token, 'hex');
  const { tenant_id, name, ...rest } = about;
  const key: ApiKey = { tenant_id, name, created_at: new Date(now()).toISOString(), ...rest };
  await keys.by(ADMIN).put(keyId, key);
  return { key_id: keyId, ...key, api_key: token };
}

/** A new key in the place of another one, which stays valid for a while. */
export const rotateKey = defineRoute({
  method: 'post',
  path: '/admin/keys/{key_id}/rotate',
  key: 'admin',
  id: 'rotateKey',
  tag: 'Administration',
  summary: 'Replace an API key',
  description: 'The new key may do what the replaced one may, which is valid for `grace_s` more.',
  parameters: [inPath('key_id', "The key's id.", z.string().regex(KEY_ID))],
  body: jsonBody(RotationBody, { required: false }),
  answers: { 201: json('The new key.', NewKey) },
  problems: ['unknown_key', 'log_unavailable'],
  handle:
    ({ admin, http }: AdminGroup & HttpGroup) =>
    async (c) => {
      const { grace_s = GRACE_S } = parseBody(RotationBody, (await readOptionalJsonObject(c, http)).body);
      const { keyId, key } = await findKey(c, admin);
      const { created_at: _, ...about } = key;
      const made = await makeKey(about, admin);
      const endMs = Math.min(
        admin.now() + grace_s * 1_000,
        Date.parse(key.expires_at ?? '9999-12-31T00:00:00Z'),
      );
      const own = admin.keys.by(ADMIN);
      if (grace_s === 0) {
        await own.delete(keyId);
        await admin.keyUses.forget(keyId);
      } else if (
        !(await own.change(keyId, (stored) => ({ ...stored, expires_at: new Date(endMs).toISOString() })))
      ) {
        // It was deleted meanwhile, and must not come back, nor must its rights.
        await own.delete(made.key_id);
        throw new Refusal('unknown_key');
      }
      return answer(c, { status: 201, body: made });
    },
});

/** @throws Refusal unknown_key */
async function findKey(c: Ctx, { keys }: AdminGroup['admin']): Promise<{ keyId: string; key: ApiKey }> {
  const keyId = c.req.param('key_id') ?? '';
  const key = KEY_ID.test(keyId) ? (keys.peek(keyId) ?? (await keys.get(keyId))) : undefined;
  if (!key) throw new Refusal('unknown_key');
  c.env.tenantId = key.tenant_id;
  return { keyId, key };
}

/** The tenant's keys without their tokens, oldest first. */
export const listKeys = defineRoute({
  method: 'get',
  path: '/admin/tenants/{tenant_id}/keys',
  key: 'admin',
  id: 'listKeys',
  tag: 'Administration',
  summary: 'API keys of a tenant',
  description: 'Without their tokens, oldest first. `last_used_at` is exact to the minute.',
  parameters: [parameters.tenantId],
  answers: { 200: json('The keys.', z.object({ keys: z.array(ListedKey) })) },
  problems: ['unknown_tenant', 'log_unavailable'],
  handle:
    ({ admin }: AdminGroup) =>
    async (c) => {
      const tenantId = await readTenantId(c, admin);
      const keys = [...admin.keys.entries()]
        .filter(([, key]) => key.tenant_id === tenantId)
        .map(([keyId, key]) => ({ key_id: keyId, ...key }))
        .sort((a, b) => (a.created_at < b.created_at ? -1 : 1));
      const lastUse = createLimiter(READS_AT_ONCE);
      const listed = keys.map(async (key) => ({
        ...key,
        last_used_at: (await lastUse(() => admin.keyUses.lastUse(key.key_id))) ?? null,
      }));
      return answer(c, { status: 200, body: { keys: await Promise.all(listed) } });
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
    ({ admin }: AdminGroup) =>
    async (c) => {
      const { keyId } = await findKey(c, admin);
      await admin.keys.by(ADMIN).delete(keyId);
      await admin.keyUses.forget(keyId);
      return answerEmpty(c, 204);
    },
});
