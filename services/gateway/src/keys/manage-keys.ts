import { hash, randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { ApiKey } from '@errand/contracts';
import { createLimiter } from '@errand/runtime';
import { parseBody } from '../http/body-errors.ts';
import { Refusal } from '../http/problem.ts';
import { type HttpGroup, readJsonObject, readOptionalJsonObject } from '../http/read-body.ts';
import type { Ctx } from '../http/request-log.ts';
import { KEY_ID, KeyBody, type KeyList, type NewKey, RotationBody } from './key-view.ts';
import type { KeysGroup } from './keys-group.ts';

/* What the admin key does with all keys, and a tenant's key with those that may do no more than itself. */

type Keys = KeysGroup['keys'];

/** A key and its id. */
export interface StoredKey {
  readonly keyId: string;
  readonly key: ApiKey;
}

type Draft = Omit<ApiKey, 'created_at'>;

const READS_AT_ONCE = 50;
const GRACE_S = 86_400;

/** The key that a body asks for. @throws Refusal invalid_input */
export async function readDraft(c: Ctx, http: HttpGroup['http'], tenantId: string): Promise<Draft> {
  const { expires_at, ...about } = parseBody(KeyBody, (await readJsonObject(c, http)).body);
  const expiry = expires_at && { expires_at: new Date(expires_at).toISOString() };
  return { tenant_id: tenantId, ...about, ...expiry };
}

/** For how many seconds a replaced key is still valid. @throws Refusal invalid_input */
export async function readGrace(c: Ctx, http: HttpGroup['http']): Promise<number> {
  const { grace_s = GRACE_S } = parseBody(RotationBody, (await readOptionalJsonObject(c, http)).body);
  return grace_s;
}

/** Undefined for what is not the id of any key. */
export async function findKey(keyId: string, { stored }: Keys): Promise<StoredKey | undefined> {
  const key = KEY_ID.test(keyId) ? (stored.peek(keyId) ?? (await stored.get(keyId))) : undefined;
  return key && { keyId, key };
}

/** Oldest first. */
export function keysOf(tenantId: string, { stored }: Keys): StoredKey[] {
  return [...stored.entries()]
    .filter(([, key]) => key.tenant_id === tenantId)
    .map(([keyId, key]) => ({ keyId, key }))
    .sort((a, b) => (a.key.created_at < b.key.created_at ? -1 : 1));
}

/** @throws LogUnavailable */
export async function withLastUses(found: readonly StoredKey[], { uses }: Keys): Promise<KeyList> {
  const inTurn = createLimiter(READS_AT_ONCE);
  const listed = found.map(async ({ keyId, key }) => ({
    key_id: keyId,
    ...key,
    last_used_at: (await inTurn(() => uses.lastUse(keyId))) ?? null,
  }));
  return { keys: await Promise.all(listed) };
}

/** @throws LogUnavailable */
export async function makeKey(draft: Draft, { stored, now }: Keys, actor: string): Promise<NewKey> {
  const token = `errand_${randomBytes(32).toString('base64url')}`;
  const keyId = hash('sha256', token, 'hex');
  const { tenant_id, name, ...rest } = draft;
  const key: ApiKey = { tenant_id, name, created_at: new Date(now()).toISOString(), ...rest };
  await stored.by(actor).put(keyId, key);
  return { key_id: keyId, ...key, api_key: token };
}

/** What the SHA-256 of a key may do from now on, if it is no other tenant's. @throws Refusal key_of_another_tenant; LogUnavailable */
export async function makeKeyAs(
  keyId: string,
  draft: Draft,
  { stored, now }: Keys,
  actor: string,
): Promise<StoredKey & { isNew: boolean }> {
  let isNew = false;
  const { tenant_id, name, ...rest } = draft;
  const key = await stored.by(actor).upsert(keyId, (before) => {
    if (before && before.tenant_id !== tenant_id) throw new Refusal('key_of_another_tenant');
    isNew = before === undefined;
    const { created_at } = before ?? { created_at: new Date(now()).toISOString() };
    const made: ApiKey = { tenant_id, name, created_at, ...rest };
    return before && isDeepStrictEqual(before, made) ? before : made;
  });
  return { keyId, key, isNew };
}

/** Makes a key that may do what another one may, which is then valid for the grace. @throws Refusal unknown_key */
export async function replaceKey(
  { keyId, key }: StoredKey,
  { graceS, keys, actor }: { graceS: number; keys: Keys; actor: string },
): Promise<NewKey> {
  const { created_at: _, ...draft } = key;
  const made = await makeKey(draft, keys, actor);
  if (graceS === 0) {
    await removeKey(keyId, keys, actor);
    return made;
  }
  const ownEndMs = Date.parse(key.expires_at ?? '9999-12-31T00:00:00Z');
  const expires_at = new Date(Math.min(keys.now() + graceS * 1_000, ownEndMs)).toISOString();
  const changes = keys.stored.by(actor);
  if (!(await changes.change(keyId, (stored) => ({ ...stored, expires_at })))) {
    // It was deleted meanwhile, and must not come back, nor must its rights.
    await changes.delete(made.key_id);
    throw new Refusal('unknown_key');
  }
  return made;
}

/** @throws LogUnavailable */
export async function removeKey(keyId: string, { stored, uses }: Keys, actor: string): Promise<void> {
  await stored.by(actor).delete(keyId);
  await uses.forget(keyId);
}
