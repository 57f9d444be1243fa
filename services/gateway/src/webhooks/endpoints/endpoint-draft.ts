import {
  type InputError,
  WEBHOOK_EVENT_FILTERS,
  WEBHOOK_INCLUDES,
  WebhookEndpoint,
  type WebhookEventFilter,
  type WebhookInclude,
} from '@errand/contracts';
import { z } from 'zod';
import { printable } from '../../http/body-errors.ts';
import { named } from '../../openapi/schemas.ts';
import { SentMetadata } from '../../runs/job-options.ts';
import { type BasicAuth, readEndpointUrl, type UrlRules } from './endpoint-url.ts';
import { secretHeaderErrors } from './secrets/secret-headers.ts';
import { SigningSecret } from './secrets/signing-secret.ts';

/** An endpoint with its secrets in plain text, as it is only while a request is being answered. */
export interface EndpointDraft {
  readonly url: string;
  readonly method: 'POST' | 'GET';
  readonly description: string;
  readonly enabled: boolean;
  readonly event_types: WebhookEventFilter[];
  /** Null for the jobs of all actions. */
  readonly actions: string[] | null;
  /** Null for jobs with any metadata. */
  readonly metadata: Record<string, string> | null;
  /** What bodies carry besides; null for nothing. */
  readonly include: WebhookInclude[] | null;
  /** Null for no limit. */
  readonly max_rps: number | null;
  /** Null for what the webhooks service allows each endpoint. */
  readonly max_concurrency: number | null;
  /** RFC 3339; null for one that stays. */
  readonly expires_at: string | null;
  readonly basic_auth: BasicAuth | null;
  /** By lower-case name. */
  readonly secret_headers: Readonly<Record<string, string>>;
  /** `whsec_` and the key in base64. */
  readonly signing_secret: string;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: generators do not know \p{Cc}, or lose the flag that it needs.
const noControls = /^[^\x00-\x1f\x7f-\x9f]*$/;
const BasicAuthBody = z.strictObject({
  username: z
    .string()
    .min(1)
    .max(255)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: as above.
    .regex(/^[^:\x00-\x1f\x7f-\x9f]*$/, 'must not contain a colon or control characters'),
  password: z.string().max(1_024).regex(noControls),
});

const MAX_LISTED = 100;
const stored = WebhookEndpoint.shape;

const INCLUDE =
  "What a body carries besides: `results` are the job's, up to 64 KiB of JSON; `results_link` says how to download larger ones, and files.";

const members = {
  url: z.string().min(1).max(2_048),
  method: z.enum(['POST', 'GET']),
  description: printable(z.string().max(500)),
  enabled: z.boolean(),
  event_types: z.array(z.enum(WEBHOOK_EVENT_FILTERS)).min(1).max(MAX_LISTED),
  actions: stored.actions.unwrap().max(MAX_LISTED).nullable(),
  metadata: SentMetadata.nullable(),
  include: z.array(z.enum(WEBHOOK_INCLUDES)).max(MAX_LISTED).nullable().meta({
    description: INCLUDE,
  }),
  max_rps: stored.max_rps.unwrap().nullable(),
  max_concurrency: stored.max_concurrency.unwrap().nullable(),
  expires_in_s: z.int().min(10).max(86_400).nullable().meta({
    description:
      'After which the endpoint ends as if it were deleted; sent again, it is put off. Null for one that stays.',
  }),
  basic_auth: BasicAuthBody.nullable(),
  /** Null takes a header away. */
  secret_headers: z.record(z.string(), z.string().nullable()),
  signing_secret: SigningSecret,
};
export const ChangeBody = named('WebhookChange', z.strictObject(members).partial());
export const CreateBody = named('WebhookRequest', ChangeBody.extend({ url: members.url }));
export type ChangeBody = z.infer<typeof ChangeBody>;
export type CreateBody = z.infer<typeof CreateBody>;

/**
 * A draft with a body's changes made and checked as a whole, since members depend on each other: placeholders on
 * the method, and so do the types of event, an Authorization header on basic auth.
 */
export function changeDraft(
  draft: EndpointDraft,
  change: ChangeBody,
  options: { urlRules: UrlRules; now: () => number },
): { kind: 'draft'; draft: EndpointDraft } | { kind: 'invalid'; errors: InputError[] } {
  const { url: changedUrl, basic_auth, secret_headers, expires_in_s, ...plain } = change;
  const given = Object.fromEntries(Object.entries(plain).filter(([, value]) => value !== undefined));
  const changed: EndpointDraft = { ...draft, ...given };
  const errors = [...newsErrors(changed), ...includeErrors(changed)];
  const read = readEndpointUrl(changedUrl ?? draft.url, { rules: options.urlRules, method: changed.method });
  if (read.kind === 'invalid') errors.push(read.error);
  const inUrl = read.kind === 'url' ? read.basicAuth : undefined;
  if (inUrl && basic_auth) {
    errors.push({ pointer: '#/basic_auth', code: 'duplicate', detail: 'is also in the URL' });
  }
  if (inUrl && !BasicAuthBody.safeParse(inUrl).success) {
    errors.push({
      pointer: '#/url',
      code: 'format',
      detail: 'contains a user that basic auth does not allow',
    });
  }
  const basicAuth = inUrl ?? (basic_auth === undefined ? draft.basic_auth : basic_auth);
  const headers = mergeHeaders(draft.secret_headers, secret_headers ?? {});
  errors.push(...secretHeaderErrors(headers, { hasBasicAuth: basicAuth !== null }));
  if (read.kind === 'invalid' || errors.length > 0) return { kind: 'invalid', errors };
  return {
    kind: 'draft',
    draft: {
      ...changed,
      url: read.url,
      event_types: [...new Set(changed.event_types)],
      actions: changed.actions && [...new Set(changed.actions)],
      include: changed.include && changed.include.length > 0 ? [...new Set(changed.include)] : null,
      expires_at: expires_in_s === undefined ? draft.expires_at : expiryOf(expires_in_s, options.now()),
      basic_auth: basicAuth,
      secret_headers: lowerCased(headers),
    },
  };
}

/** A GET has no body that could carry anything. */
function includeErrors({ method, include }: EndpointDraft): InputError[] {
  if (method === 'POST' || !include || include.length === 0) return [];
  return [{ pointer: '#/include', code: 'not_allowed', detail: 'requires the method POST' }];
}

function expiryOf(inS: number | null, nowMs: number): string | null {
  return inS === null ? null : new Date(nowMs + inS * 1_000).toISOString();
}

/** What a GET can say is about a job, and news of other endpoints are about none. */
function newsErrors({ method, event_types }: EndpointDraft): InputError[] {
  if (method === 'POST') return [];
  return event_types.flatMap((type, index) =>
    type.startsWith('webhook.')
      ? [{ pointer: `#/event_types/${index}`, code: 'not_allowed', detail: 'requires the method POST' }]
      : [],
  );
}

/** Given names keep their case, so that an error points to what the caller sent. */
function mergeHeaders(
  known: Readonly<Record<string, string>>,
  change: Readonly<Record<string, string | null>>,
): Record<string, string> {
  const touched = new Set(Object.keys(change).map((name) => name.toLowerCase()));
  const kept = Object.entries(known).filter(([name]) => !touched.has(name));
  const set = Object.entries(change).filter((entry): entry is [string, string] => entry[1] !== null);
  return Object.fromEntries([...kept, ...set]);
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
