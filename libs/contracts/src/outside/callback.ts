import { z } from 'zod';
import { Conditions, Mapping } from './mapping.ts';

/*
 * Work outside that ends with one HTTP call to the gateway. What the gateway has to know of that call goes with the
 * JobDeferred of the attempt, in `operation`:
 *
 *   callback:{"attempt":1,"terms":"v1.…","address":"https://…"}
 *
 * `terms` are CallbackTerms, sealed, since they hold the sender's secret.
 */

export const CALLBACK_METHODS = ['POST', 'PUT', 'GET'] as const;
export type CallbackMethod = (typeof CALLBACK_METHODS)[number];

/** The name of a header (RFC 9110). */
export const HeaderName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/, 'is not a header name');

/** How a call is judged. */
export const CallbackTerms = z.object({
  /** The part of the call's body that is the result. */
  result: Mapping.default(''),
  failed_when: Conditions.optional(),
  /** The part of the body that callers see of a failure. */
  error: Mapping.optional(),
  /** The header that has the HMAC-SHA-256 of the body, in hex or base64, and the sender's secret. */
  verify: z.object({ header: HeaderName, hmac_sha256: z.string().min(1) }).optional(),
  methods: z.array(z.enum(CALLBACK_METHODS)).min(1).default(['POST', 'PUT']),
});
export type CallbackTerms = z.infer<typeof CallbackTerms>;

/** The most bytes of terms as JSON in UTF-8: sealed, and with an address, they have to fit in a JobDeferred. */
export const MAX_TERMS = 1_000;
/** The most characters of the address at which the work is canceled. */
export const MAX_CALLBACK_ADDRESS = 500;

const CallbackOperation = z.object({
  /** Which attempt waits for the call. */
  attempt: z.int().min(1),
  terms: z.string(),
  /** Where the work is canceled. */
  address: z.string().optional(),
});
export type CallbackOperation = z.infer<typeof CallbackOperation>;

const PREFIX = 'callback:';

/** The `operation` of a JobDeferred. */
export function callbackOperation(operation: CallbackOperation): string {
  return PREFIX + JSON.stringify(operation);
}

/** Undefined for an operation that is polled. */
export function readCallbackOperation(operation: string): CallbackOperation | undefined {
  if (!operation.startsWith(PREFIX)) return undefined;
  try {
    return CallbackOperation.parse(JSON.parse(operation.slice(PREFIX.length)));
  } catch {
    return undefined;
  }
}

/** What a token stands for, and to what sealed terms belong. */
export interface AwaitedAttempt {
  readonly tenantId: string;
  readonly action: string;
  readonly jobId: string;
  readonly attempt: number;
}

/** The context under which terms are sealed: those of another attempt do not open. */
export function termsContext({ tenantId, action, jobId, attempt }: AwaitedAttempt): string[] {
  return ['callback', tenantId, action, jobId, String(attempt)];
}
