import { UsageError } from '../errors.ts';
import type { WebhookEvent } from './webhook-event.ts';

/*
 * The receiving half of Standard Webhooks 1.0 (github.com/standard-webhooks/standard-webhooks), scheme v1: HMAC-SHA256
 * over `<webhook-id>.<webhook-timestamp>.<body>`, keyed with the bytes that a secret holds in base64 after `whsec_`. It
 * needs only WebCrypto.
 */

/** A request's headers: a `Headers` object, or a plain one such as Node's, with names in any case. */
export type WebhookHeaders =
  | { get(name: string): string | null }
  | Readonly<Record<string, string | readonly string[] | undefined>>;

export type VerifiedWebhook =
  /** `id` is the same on every attempt to deliver this event: handle each id once. */
  | { kind: 'verified'; id: string; event: WebhookEvent }
  /**
   * A GET call: its URL is not signed, so nothing in the URL is proven. Ask for the job's status before acting on it.
   */
  | { kind: 'verified_without_body'; id: string }
  | { kind: 'refused'; code: RefusalCode };

type RefusalCode =
  /** One of `webhook-id`, `webhook-timestamp` and `webhook-signature` is missing or empty. */
  | 'missing_header'
  /** `webhook-timestamp` is not a whole number of seconds. */
  | 'bad_timestamp'
  /** Signed longer ago than the tolerance: a replay, a slow network, or a clock here that is fast. */
  | 'too_old'
  /** Signed further ahead than the tolerance: a clock here that is slow. */
  | 'too_new'
  /** No signature matches any of the secrets. */
  | 'wrong_signature'
  /** A secret is not base64, or is empty: the receiver's own configuration is at fault. */
  | 'bad_secret'
  /** The signature fits but the body is not JSON. */
  | 'not_json'
  /** The signature fits but the body is not an event of ours. */
  | 'not_an_event';

/** A rotation leaves a handful; more would be wasted work. */
const MOST_SIGNATURES = 16;

/**
 * Whether a webhook call comes from Errand and is fresh, and what it says.
 *
 * `body` is the request's body as it came, before any parser: a body that is parsed and written again has other bytes.
 * Give several secrets while one replaces another; one match is enough. `toleranceS` is how far the sender's clock and
 * this one may be apart, in seconds; `now` is Unix time in milliseconds.
 *
 * @throws UsageError when the body is neither text nor bytes
 */
export async function verifyWebhook(
  headers: WebhookHeaders,
  body: string | Uint8Array,
  secret: string | readonly string[],
  { toleranceS = 300, now = Date.now }: { toleranceS?: number; now?: () => number } = {},
): Promise<VerifiedWebhook> {
  if (typeof body !== 'string' && !(body instanceof Uint8Array)) {
    throw new UsageError('the body must be the raw text or bytes of the request, not parsed');
  }
  const keys = await importKeys(typeof secret === 'string' ? [secret] : secret);
  if (keys === undefined) return refused('bad_secret');
  const id = headerOf(headers, 'webhook-id');
  const timestamp = headerOf(headers, 'webhook-timestamp');
  const signatures = headerOf(headers, 'webhook-signature');
  if (!id || !timestamp || !signatures) return refused('missing_header');
  if (!/^\d{1,12}$/.test(timestamp)) return refused('bad_timestamp');
  const ageS = Math.floor(now() / 1_000) - Number(timestamp);
  // Negated, so that a tolerance that is not a number lets nothing through.
  if (!(ageS <= toleranceS)) return refused('too_old');
  if (!(-ageS <= toleranceS)) return refused('too_new');
  const signed = join(new TextEncoder().encode(`${id}.${timestamp}.`), bytesOf(body));
  if (!(await isSigned(signed, signatures, keys))) return refused('wrong_signature');
  return body.length === 0 ? { kind: 'verified_without_body', id } : readEvent(id, body);
}

function refused(code: RefusalCode): VerifiedWebhook {
  return { kind: 'refused', code };
}

function headerOf(headers: WebhookHeaders, name: string): string | undefined {
  if (typeof headers.get === 'function') return headers.get(name) ?? undefined;
  const found = Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
  return typeof found === 'string' ? found : found?.join(' ');
}

/** Undefined if any of the secrets is unusable: a typo in one would go unnoticed until it is needed. */
async function importKeys(secrets: readonly string[]): Promise<CryptoKey[] | undefined> {
  const raw = secrets.map((secret) => decodeBase64(secret.replace(/^whsec_/, '')));
  if (raw.length === 0 || !raw.every((bytes) => bytes?.length)) return undefined;
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  return Promise.all(
    raw.map((bytes = EMPTY) => crypto.subtle.importKey('raw', bytes, algorithm, false, ['verify'])),
  );
}

/** `v1,<base64>` once per secret, separated by spaces; other versions are for other readers. */
async function isSigned(
  signed: Uint8Array<ArrayBuffer>,
  signatures: string,
  keys: readonly CryptoKey[],
): Promise<boolean> {
  const given = signatures
    .split(' ')
    .filter((each) => each.startsWith('v1,'))
    .slice(0, MOST_SIGNATURES)
    .map((each) => decodeBase64(each.slice('v1,'.length)))
    .filter((mac) => mac !== undefined);
  // WebCrypto compares in constant time.
  const fits = await Promise.all(
    keys.flatMap((key) => given.map((mac) => crypto.subtle.verify('HMAC', key, mac, signed))),
  );
  return fits.includes(true);
}

function readEvent(id: string, body: string | Uint8Array): VerifiedWebhook {
  let json: unknown;
  try {
    json = JSON.parse(
      typeof body === 'string' ? body : new TextDecoder('utf-8', { fatal: true }).decode(body),
    );
  } catch {
    return refused('not_json');
  }
  return isEvent(json) ? { kind: 'verified', id, event: json } : refused('not_an_event');
}

/** The signature vouches for the content; this tells our bodies from those of another sender with the same secret. */
function isEvent(json: unknown): json is WebhookEvent {
  if (typeof json !== 'object' || json === null) return false;
  const { type, timestamp, data } = json as Record<string, unknown>;
  return (
    typeof type === 'string' && typeof timestamp === 'string' && typeof data === 'object' && data !== null
  );
}

const EMPTY = new Uint8Array();

/**
 * Undefined for anything that is not base64 exactly as in RFC 4648: each value has one spelling, so no bit may vary.
 */
function decodeBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    const binary = atob(text);
    return btoa(binary) === text ? Uint8Array.from(binary, (char) => char.charCodeAt(0)) : undefined;
  } catch {
    return undefined;
  }
}

function bytesOf(body: string | Uint8Array): Uint8Array {
  return typeof body === 'string' ? new TextEncoder().encode(body) : body;
}

function join(head: Uint8Array, tail: Uint8Array): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(head.length + tail.length);
  joined.set(head);
  joined.set(tail, head.length);
  return joined;
}
