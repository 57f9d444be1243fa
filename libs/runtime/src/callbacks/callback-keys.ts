import { createHmac, timingSafeEqual } from 'node:crypto';
import { createSecretBox, type SecretBox } from '../sealed-secrets.ts';

/*
 * A callback URL is the right to end one attempt of one job:
 *
 *   <tenant>.<action>.<job id>.<attempt>.<HMAC-SHA-256 of all before it, in base64url>
 *
 * The key is derived from ERRAND_SECRET_KEY for each action, so that an executor can make the tokens of its own action,
 * and no others.
 */

interface Attempt {
  readonly tenantId: string;
  readonly action: string;
  readonly jobId: string;
  readonly attempt: number;
}

/** What is done with the key of one action. */
export interface ActionKey {
  /** 32 bytes in base64. */
  readonly base64: string;
  token(attempt: Attempt): string;
  /** Seals and opens what only gateways and executors of the action may read. */
  readonly box: SecretBox;
}

const TOKEN =
  /^([A-Za-z0-9_-]{1,64})\.([a-z][a-z0-9_]{0,63})\.([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})\.([1-9]\d{0,8})\.([\w-]{43})$/;

/** `base64`: the key of an action, 32 bytes. */
export function createActionKey(base64: string): ActionKey {
  const key = Buffer.from(base64, 'base64');
  return {
    base64,
    token: (attempt) => `${textOf(attempt)}.${macOf(key, textOf(attempt)).toString('base64url')}`,
    box: createSecretBox(base64),
  };
}

export interface CallbackKeys {
  /** The key that executors of an action use from now on. */
  keyOf(action: string): ActionKey;
  /** Opens what was sealed under any key of the action. */
  boxOf(action: string): SecretBox;
  /** The attempt that a token is for, if one of the keys has made it. It costs an HMAC for each key. */
  read(token: string): Attempt | undefined;
}

/** Actions whose keys are kept: names come from whoever calls. */
const MOST_KNOWN = 1_000;

/** Each key is 32 bytes in base64. The first one makes tokens, and all are good. */
export function createCallbackKeys(secretKey: string, others: readonly string[] = []): CallbackKeys {
  const ring = [secretKey, ...others].map((key) => Buffer.from(key, 'base64'));
  const known = new Map<string, readonly Buffer[]>();

  function keysOf(action: string): readonly Buffer[] {
    const kept = known.get(action);
    if (kept) return kept;
    if (known.size >= MOST_KNOWN) known.clear();
    const keys = ring.map((key) => macOf(key, `errand callback ${action}`));
    known.set(action, keys);
    return keys;
  }

  const textKeysOf = (action: string) => keysOf(action).map((key) => key.toString('base64'));
  return {
    keyOf: (action) => createActionKey(textKeysOf(action)[0] as string),
    boxOf(action) {
      const [first, ...rest] = textKeysOf(action);
      return createSecretBox(first as string, rest);
    },
    read(token) {
      const [, tenantId = '', action = '', jobId = '', number, mac = ''] = TOKEN.exec(token) ?? [];
      if (number === undefined) return undefined;
      const attempt = { tenantId, action, jobId, attempt: Number(number) };
      const sent = Buffer.from(mac, 'base64url');
      const isGood = keysOf(action).some((key) => timingSafeEqual(macOf(key, textOf(attempt)), sent));
      return isGood ? attempt : undefined;
    },
  };
}

function textOf({ tenantId, action, jobId, attempt }: Attempt): string {
  return `${tenantId}.${action}.${jobId}.${attempt}`;
}

function macOf(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
