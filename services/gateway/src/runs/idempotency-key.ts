import { hash } from 'node:crypto';
import { Refusal } from '../http/problem.ts';

/** A structured string, in which a quote and a backslash are escaped (RFC 9651, 3.3.3). */
const QUOTED = /^"((?:[\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/;
const BARE = /^[\x21\x23-\x7e]+$/;
const MAX_LENGTH = 255;

/**
 * The key in an Idempotency-Key header (draft-ietf-httpapi-idempotency-key-header), or undefined without one. Taken
 * as `"abc"`, which the draft wants, and as `abc`, which many send; the two are the same key.
 * @throws Refusal invalid_input
 */
export function readIdempotencyKey(header: string | null): string | undefined {
  if (header === null) return undefined;
  const sent = header.trim();
  const quoted = QUOTED.exec(sent)?.[1]?.replace(/\\(["\\])/g, '$1');
  const key = quoted ?? (BARE.test(sent) ? sent : '');
  if (key.length >= 1 && key.length <= MAX_LENGTH) return key;
  const detail = 'must be 1-255 visible ASCII characters, bare or as a quoted string';
  throw new Refusal('invalid_input', {
    errors: [{ parameter: 'Idempotency-Key', code: 'format', detail }],
  });
}

/** Under which name the use of a key is recorded: a key means something to one tenant, at one place only. */
export function recordNameOf(use: { tenantId: string; kind: string; place: string; key: string }): string {
  return hash('sha256', JSON.stringify([use.tenantId, use.kind, use.place, use.key]), 'hex');
}

/** By which a request that is sent again is told from another one. No place has a line break in it. */
export function fingerprintOf(place: string, body: string): string {
  return hash('sha256', `${place}\n${body}`, 'hex');
}
