import { retryAfterMs } from '@errand/runtime';
import { GONE_HOLD_MS } from '../endpoints/endpoint-state.ts';

/*
 * What one exchange means.
 *
 *   the endpoint             the attempt    error code
 *   2xx, read in time        delivered
 *   3xx                      failed         redirect            never followed
 *   429, 503                 failed         http_status         with Retry-After: the queue is held until then
 *   410                      failed         gone                this delivery for good; the queue is held for 60 s
 *   any other status         failed         http_status
 *   no answer                failed         timeout, dns_failed, connection_refused, connection_closed, tls_failed,
 *                                           invalid_response, connection_failed
 *   no HTTP/1.1              failed         invalid_response
 *   not asked                failed         secret_unreadable, secret_missing, invalid_request, address_blocked,
 *                                           scheme_blocked
 */

/** One attempt as it went. */
export type Exchange =
  | { kind: 'answered'; status: number; retryAfter: string | null; response: string }
  /** No complete answer; `status` is known if it broke while the body was read. */
  | { kind: 'broken'; status: number | null; error: unknown };

export type Outcome =
  | { kind: 'delivered' }
  | {
      kind: 'failed';
      errorCode: ErrorCode;
      /** Nothing may be sent to the endpoint before this time; null if it may. */
      heldUntilMs: number | null;
      /** No further attempt can mend it. */
      final: boolean;
      /** Fewer calls at once may mend it. */
      overloaded: boolean;
    };

/** Persisted with each failed attempt. */
type ErrorCode =
  | 'redirect'
  | 'http_status'
  | 'gone'
  | 'timeout'
  | 'dns_failed'
  | 'connection_refused'
  | 'connection_closed'
  | 'tls_failed'
  | 'invalid_response'
  | 'connection_failed'
  | 'secret_unreadable'
  | 'secret_missing'
  | 'invalid_request'
  | 'address_blocked'
  | 'scheme_blocked';

/** Judges an attempt that ended at `nowMs`. Its Retry-After counts up to `maxRetryAfterMs`. */
export function outcomeOf(
  exchange: Exchange,
  { nowMs, maxRetryAfterMs }: { nowMs: number; maxRetryAfterMs: number },
): Outcome {
  if (exchange.kind === 'broken') {
    const errorCode = errorCodeOf(exchange.error);
    return failed(errorCode, { overloaded: errorCode === 'timeout' });
  }
  const { status, retryAfter } = exchange;
  if (status >= 200 && status < 300) return { kind: 'delivered' };
  if (status >= 300 && status < 400) return failed('redirect');
  if (status === 410) return failed('gone', { final: true, heldUntilMs: nowMs + GONE_HOLD_MS });
  const asked = status === 429 || status === 503 ? retryAfterMs(retryAfter, nowMs) : null;
  return failed('http_status', {
    heldUntilMs: asked === null ? null : nowMs + Math.min(asked, maxRetryAfterMs),
    overloaded: status === 429 || status >= 500,
  });
}

function failed(
  errorCode: ErrorCode,
  over: { heldUntilMs?: number | null; final?: boolean; overloaded?: boolean } = {},
): Outcome {
  return { kind: 'failed', errorCode, heldUntilMs: null, final: false, overloaded: false, ...over };
}

/** Codes of Node and undici → ours. */
const ERROR_CODES: Record<string, ErrorCode> = {
  secret_unreadable: 'secret_unreadable',
  secret_missing: 'secret_missing',
  address_blocked: 'address_blocked',
  scheme_blocked: 'scheme_blocked',
  TimeoutError: 'timeout',
  ETIMEDOUT: 'timeout',
  UND_ERR_CONNECT_TIMEOUT: 'timeout',
  UND_ERR_HEADERS_TIMEOUT: 'timeout',
  UND_ERR_BODY_TIMEOUT: 'timeout',
  ENOTFOUND: 'dns_failed',
  ENODATA: 'dns_failed',
  ESERVFAIL: 'dns_failed',
  EREFUSED: 'dns_failed',
  ETIMEOUT: 'dns_failed',
  EAI_AGAIN: 'dns_failed',
  ECONNREFUSED: 'connection_refused',
  ECONNRESET: 'connection_closed',
  EPIPE: 'connection_closed',
  UND_ERR_SOCKET: 'connection_closed',
  EPROTO: 'tls_failed',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'tls_failed',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'tls_failed',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'tls_failed',
  SELF_SIGNED_CERT_IN_CHAIN: 'tls_failed',
  // What is sent is not HTTP/1.1: HTTP/2, another protocol, lines that end without a carriage return.
  HTTPParserError: 'invalid_response',
  UND_ERR_HEADERS_OVERFLOW: 'invalid_response',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'invalid_response',
  UND_ERR_INVALID_ARG: 'invalid_request',
  ERR_INVALID_URL: 'invalid_request',
};

/** Families of codes, for those that Node has too many of. */
const ERROR_CODE_PREFIXES: readonly [string, ErrorCode][] = [
  ['ERR_TLS_', 'tls_failed'],
  ['ERR_SSL_', 'tls_failed'],
  ['CERT_', 'tls_failed'],
  ['HPE_', 'invalid_response'],
];

function errorCodeOf(error: unknown): ErrorCode {
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  for (const word of [code, name]) {
    if (typeof word !== 'string') continue;
    const known = ERROR_CODES[word] ?? ERROR_CODE_PREFIXES.find(([prefix]) => word.startsWith(prefix))?.[1];
    if (known) return known;
  }
  return 'connection_failed';
}
