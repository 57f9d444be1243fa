import { once } from 'node:events';
import type { KeyScope } from '@errand/contracts';
import type { Caller } from '../http/authenticate.ts';
import { defineRoute } from '../http/define-route.ts';
import { Refusal } from '../http/problem.ts';
import type { HttpGroup } from '../http/read-body.ts';
import type { Ctx } from '../http/request-log.ts';
import { answer, answerEmpty } from '../http/respond.ts';
import { json, jsonBody } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import { excessOf, type KeyRights, mayDoNoMore, outlives } from './key-rights.ts';
import { KeyBody, KeyList, keyIdInPath, NewKey, RotationBody } from './key-view.ts';
import type { KeysGroup } from './keys-group.ts';
import {
  findKey,
  keysOf,
  makeKey,
  readDraft,
  readGrace,
  removeKey,
  replaceKey,
  type StoredKey,
  withLastUses,
} from './manage-keys.ts';

/*
 * A tenant's keys, by its own. Nobody gains rights by them: a key makes, sees, replaces and removes only keys that may
 * do no more than itself. Others are to it as if they were not there. An owner of the tenant manages all of them.
 */

const SCOPE: KeyScope = 'keys:write';
const EVERYTHING: KeyRights = {};
/** For how long an answer waits until the requests of its deleted key were ended. */
const END_MS = 1_000;

/**
 * What the caller may pass on. It is read where it is needed: the body may have come slowly, and the key may be gone.
 * @throws Refusal forbidden for a token that a key has made, unauthorized
 */
async function rightsOf({ role, key }: Caller, { stored, now }: KeysGroup['keys']): Promise<KeyRights> {
  if (role === 'admin' || role === 'owner') return EVERYTHING;
  if (!key) throw new Refusal('forbidden', { detail: 'Only keys manage keys, and no tokens of theirs.' });
  const own = await stored.get(key.id);
  if (!own || (own.expires_at !== undefined && Date.parse(own.expires_at) <= now())) {
    throw new Refusal('unauthorized');
  }
  return own;
}

/** @throws Refusal too_many_keys */
function assertRoom({ role, tenantId }: Caller, keys: KeysGroup['keys']): void {
  if (role === 'admin' || keysOf(tenantId, keys).length < keys.perTenant) return;
  throw new Refusal('too_many_keys');
}

/** One of the tenant's keys that the caller may manage. @throws Refusal unknown_key */
async function readKey(
  c: Ctx,
  { tenantId }: Caller,
  { keys, rights }: KeysGroup & { rights: KeyRights },
): Promise<StoredKey> {
  const found = await findKey(c.req.param('key_id') ?? '', keys);
  if (found?.key.tenant_id !== tenantId || !mayDoNoMore(found.key, rights)) throw new Refusal('unknown_key');
  return found;
}

/** What is sent while the requests of its key are being ended would be cut off. */
async function untilEnded(c: Ctx, keyId: string, { key }: Caller): Promise<void> {
  const { keyGone } = c.env;
  if (keyId !== key?.id || !keyGone || keyGone.aborted) return;
  await once(keyGone, 'abort', { signal: AbortSignal.timeout(END_MS) }).catch(() => {});
}

export const createOwnKey = defineRoute({
  method: 'post',
  path: '/v2/tenants/{tenant_id}/keys',
  key: 'tenant',
  scope: SCOPE,
  keyLimits: 'kept',
  query: 'none',
  changes: 'limited',
  id: 'createOwnKey',
  tag: 'Keys',
  summary: 'Make a key',
  description:
    'It may do no more than the key that asks: what limits that one must be in the request. The token is in this answer and nowhere else.',
  parameters: [parameters.tenantId],
  body: jsonBody(KeyBody, { example: { name: 'billing', scopes: ['runs:write', 'jobs:read'] } }),
  answers: { 201: json('The key.', NewKey) },
  problems: ['too_many_keys', 'log_unavailable', 'too_many_changes'],
  handle:
    ({ http, keys }: HttpGroup & KeysGroup) =>
    async (c, caller) => {
      const draft = await readDraft(c, http, caller.tenantId);
      const errors = excessOf(draft, await rightsOf(caller, keys));
      if (errors.length > 0) throw new Refusal('invalid_input', { errors });
      assertRoom(caller, keys);
      return answer(c, { status: 201, body: await makeKey(draft, keys, caller.actor) });
    },
});

export const listOwnKeys = defineRoute({
  method: 'get',
  path: '/v2/tenants/{tenant_id}/keys',
  key: 'tenant',
  scope: SCOPE,
  keyLimits: 'kept',
  query: 'none',
  reads: 'limited',
  id: 'listOwnKeys',
  tag: 'Keys',
  summary: "The tenant's keys",
  description:
    'Those that may do no more than the key that asks, without their tokens, oldest first. `last_used_at` is exact to the minute.',
  parameters: [parameters.tenantId],
  answers: { 200: json('The keys.', KeyList) },
  problems: ['too_many_reads', 'log_unavailable'],
  handle:
    ({ keys }: KeysGroup) =>
    async (c, caller) => {
      const rights = await rightsOf(caller, keys);
      const found = keysOf(caller.tenantId, keys).filter(({ key }) => mayDoNoMore(key, rights));
      return answer(c, { status: 200, body: await withLastUses(found, keys) });
    },
});

export const rotateOwnKey = defineRoute({
  method: 'post',
  path: '/v2/tenants/{tenant_id}/keys/{key_id}/rotate',
  key: 'tenant',
  scope: SCOPE,
  keyLimits: 'kept',
  query: 'none',
  changes: 'limited',
  id: 'rotateOwnKey',
  tag: 'Keys',
  summary: 'Replace a key',
  description:
    'The new key may do what the replaced one may, which is valid for `grace_s` more. A key that ends replaces none that ends later.',
  parameters: [parameters.tenantId, keyIdInPath],
  body: jsonBody(RotationBody, { required: false }),
  answers: { 201: json('The new key.', NewKey) },
  problems: ['unknown_key', 'too_many_keys', 'log_unavailable', 'too_many_changes'],
  handle:
    ({ http, keys }: HttpGroup & KeysGroup) =>
    async (c, caller) => {
      const graceS = await readGrace(c, http);
      const rights = await rightsOf(caller, keys);
      const found = await readKey(c, caller, { keys, rights });
      if (outlives(found.key, rights)) {
        throw new Refusal('forbidden', { detail: 'The key ends later than the one that was sent.' });
      }
      assertRoom(caller, keys);
      const made = await replaceKey(found, { graceS, keys, actor: caller.actor });
      if (graceS === 0) await untilEnded(c, found.keyId, caller);
      return answer(c, { status: 201, body: made });
    },
});

export const deleteOwnKey = defineRoute({
  method: 'delete',
  path: '/v2/tenants/{tenant_id}/keys/{key_id}',
  key: 'tenant',
  scope: SCOPE,
  keyLimits: 'kept',
  query: 'none',
  id: 'deleteOwnKey',
  tag: 'Keys',
  summary: 'Remove a key',
  description: 'It stops at once here, and within a moment in every other gateway. A key may remove itself.',
  parameters: [parameters.tenantId, keyIdInPath],
  answers: { 204: { description: 'It is gone.' } },
  problems: ['unknown_key', 'log_unavailable'],
  handle:
    ({ keys }: KeysGroup) =>
    async (c, caller) => {
      const rights = await rightsOf(caller, keys);
      const { keyId } = await readKey(c, caller, { keys, rights });
      await removeKey(keyId, keys, caller.actor);
      await untilEnded(c, keyId, caller);
      return answerEmpty(c, 204);
    },
});
