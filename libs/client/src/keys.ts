import { checkOptions, type Members } from './http/check-options.ts';
import { path } from './http/path.ts';
import type { Transport } from './http/transport.ts';
import { instantOf } from './jobs/list-jobs.ts';
import { CALL, type CallOptions } from './jobs/run.ts';

/** What a key may do. What is absent does not limit it. */
interface KeyRights {
  /** All that it may do, such as `jobs:read`. */
  readonly scopes?: readonly string[] | undefined;
  /** The only actions that it is for. */
  readonly actions?: readonly string[] | undefined;
  /** Its jobs get these entries, and it sees no others. */
  readonly metadata_filter?: Readonly<Record<string, string>> | undefined;
}

export interface KeyDraft extends KeyRights {
  readonly name: string;
  readonly expires_at?: Date | string | undefined;
}

export interface TenantKey extends KeyRights {
  readonly key_id: string;
  readonly tenant_id: string;
  readonly name: string;
  /** RFC 3339, as the other times. */
  readonly created_at: string;
  readonly expires_at?: string;
}

export interface ListedKey extends TenantKey {
  /** To the minute; null: never. */
  readonly last_used_at: string | null;
}

export interface NewKey extends TenantKey {
  /** The key itself, which no later answer has. */
  readonly api_key: string;
}

export interface KeyRotation extends CallOptions {
  /** For how long the replaced key is still valid. Default: a day. */
  readonly graceMs?: number | undefined;
}

const ROTATE: Members<KeyRotation> = { graceMs: true, signal: true };

/** The tenant's keys that may do no more than the client's own. Only the list is retried after a failure. */
export interface Keys {
  /** @throws ErrandError `invalid_input` for a key that may do more than the client's, `too_many_keys`, `too_many_changes` */
  create(key: KeyDraft, options?: CallOptions): Promise<NewKey>;
  /** Oldest first. */
  list(options?: CallOptions): Promise<ListedKey[]>;
  /** Makes a key that may do the same, and gives the replaced one an end. */
  rotate(keyId: string, options?: KeyRotation): Promise<NewKey>;
  /** It stops working at once. */
  delete(keyId: string, options?: CallOptions): Promise<void>;
}

export function createKeys(transport: Transport): Keys {
  return {
    async create(key, options = {}) {
      checkOptions(options, CALL);
      const body = { ...key, expires_at: instantOf(key.expires_at) };
      return transport.json({ method: 'POST', path: '/keys', body, signal: options.signal });
    },
    async list(options = {}) {
      checkOptions(options, CALL);
      const { signal } = options;
      return (await transport.json<{ keys: ListedKey[] }>({ method: 'GET', path: '/keys', signal })).keys;
    },
    async rotate(keyId, options = {}) {
      checkOptions(options, ROTATE);
      const { graceMs, signal } = options;
      const body = graceMs === undefined ? {} : { grace_s: Math.round(graceMs / 1_000) };
      return transport.json({ method: 'POST', path: path`/keys/${keyId}/rotate`, body, signal });
    },
    async delete(keyId, options = {}) {
      checkOptions(options, CALL);
      return transport.json({ method: 'DELETE', path: path`/keys/${keyId}`, signal: options.signal });
    },
  };
}
