import { TenantId } from '@errand/contracts';
import { defineRoute } from '../http/define-route.ts';
import { Refusal } from '../http/problem.ts';
import type { HttpGroup } from '../http/read-body.ts';
import type { Ctx } from '../http/request-log.ts';
import { answer, answerEmpty } from '../http/respond.ts';
import { KEY_ID, KeyBody, KeyList, keyIdInPath, NewKey, OwnKey, RotationBody } from '../keys/key-view.ts';
import type { KeysGroup } from '../keys/keys-group.ts';
import {
  findKey,
  keysOf,
  makeKey,
  makeKeyAs,
  readDraft,
  readGrace,
  removeKey,
  replaceKey,
  type StoredKey,
  withLastUses,
} from '../keys/manage-keys.ts';
import { KeyUsageView } from '../load/key-usage.ts';
import { json, jsonBody } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import type { AdminGroup } from './admin-group.ts';

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
    ({ admin, http, keys }: AdminGroup & HttpGroup & KeysGroup) =>
    async (c, { actor }) => {
      const tenantId = await readTenantId(c, admin);
      const draft = await readDraft(c, http, tenantId);
      return answer(c, { status: 201, body: await makeKey(draft, keys, actor) });
    },
});

/** Makes a key what the body says. The caller has its token, of which only the SHA-256 is sent. */
export const putKey = defineRoute({
  method: 'put',
  path: '/admin/tenants/{tenant_id}/keys/{key_id}',
  key: 'admin',
  id: 'putKey',
  tag: 'Administration',
  summary: 'Make an API key what the body says',
  description:
    'The id is the SHA-256 of the token, in hexadecimal digits, so the token itself is not sent: make it of 32 random bytes or more. The same again changes nothing.',
  parameters: [parameters.tenantId, keyIdInPath],
  body: jsonBody(KeyBody, { example: { name: 'billing', scopes: ['runs:write'] } }),
  answers: { 200: json('It was there.', OwnKey), 201: json('It is made.', OwnKey) },
  problems: ['unknown_tenant', 'key_of_another_tenant', 'log_unavailable'],
  handle:
    ({ admin, http, keys }: AdminGroup & HttpGroup & KeysGroup) =>
    async (c, { actor }) => {
      const tenantId = await readTenantId(c, admin);
      const sent = c.req.param('key_id') ?? '';
      if (!KEY_ID.test(sent)) {
        const detail = 'must be a SHA-256 in 64 lower-case hexadecimal digits';
        throw new Refusal('invalid_input', { errors: [{ parameter: 'key_id', code: 'pattern', detail }] });
      }
      const draft = await readDraft(c, http, tenantId);
      const { keyId, key, isNew } = await makeKeyAs(sent, draft, keys, actor);
      return answer(c, { status: isNew ? 201 : 200, body: { key_id: keyId, ...key } });
    },
});

/** A new key in the place of another one, which stays valid for a while. */
export const rotateKey = defineRoute({
  method: 'post',
  path: '/admin/keys/{key_id}/rotate',
  key: 'admin',
  id: 'rotateKey',
  tag: 'Administration',
  summary: 'Replace an API key',
  description: 'The new key may do what the replaced one may, which is valid for `grace_s` more.',
  parameters: [keyIdInPath],
  body: jsonBody(RotationBody, { required: false }),
  answers: { 201: json('The new key.', NewKey) },
  problems: ['unknown_key', 'log_unavailable'],
  handle:
    ({ http, keys }: HttpGroup & KeysGroup) =>
    async (c, { actor }) => {
      const graceS = await readGrace(c, http);
      const made = await replaceKey(await readKey(c, keys), { graceS, keys, actor });
      return answer(c, { status: 201, body: made });
    },
});

/** @throws Refusal unknown_key */
async function readKey(c: Ctx, keys: KeysGroup['keys']): Promise<StoredKey> {
  const found = await findKey(c.req.param('key_id') ?? '', keys);
  if (!found) throw new Refusal('unknown_key');
  c.env.tenantId = found.key.tenant_id;
  return found;
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
  answers: { 200: json('The keys.', KeyList) },
  problems: ['unknown_tenant', 'log_unavailable'],
  handle:
    ({ admin, keys }: AdminGroup & KeysGroup) =>
    async (c) => {
      const found = keysOf(await readTenantId(c, admin), keys);
      return answer(c, { status: 200, body: await withLastUses(found, keys) });
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
  parameters: [keyIdInPath],
  answers: { 204: { description: 'It is gone.' } },
  problems: ['unknown_key', 'log_unavailable'],
  handle:
    ({ keys }: KeysGroup) =>
    async (c, { actor }) => {
      const { keyId } = await readKey(c, keys);
      await removeKey(keyId, keys, actor);
      return answerEmpty(c, 204);
    },
});
