import { createHmac } from 'node:crypto';
import type { AttemptTrigger } from '@errand/postgres';
import type { OpenedSecrets } from './secrets.ts';
import type { Target } from './target.ts';

/** What is told, the same on every attempt. */
export interface Message {
  event_id: string;
  tenant_id: string;
  /** This and the next two are of the job that ended, null for news of an endpoint. */
  job_id: string | null;
  action: string | null;
  /** The job's status word. */
  status: string | null;
  /** JSON. */
  body: string;
  /** The trace that the event is part of. */
  traceparent?: string | null;
  /** What the body's data has besides for a receiver that asks for results, as a JSON object. */
  results?: string | null;
}

/** Why a request is made. A test belongs to no delivery. */
export type RequestTrigger = AttemptTrigger | 'test';

/** One HTTP request, ready to send. */
export interface OutgoingRequest {
  method: 'POST' | 'GET';
  url: string;
  headers: Record<string, string>;
  body: string | null;
}

/**
 * The request of one attempt. A POST carries the message's bytes; a GET has its URL's placeholders filled in and no
 * body, so what is signed is the empty text. `webhook-id` is that of the event, and thus the same on every attempt.
 */
export function composeRequest(options: {
  target: Pick<Target, 'endpointId' | 'url' | 'method'>;
  secrets: OpenedSecrets;
  message: Message;
  /** Counts from 1. */
  attempt: number;
  trigger: RequestTrigger;
  nowMs: number;
  /** The trace that the request is part of. */
  traceparent?: string | null | undefined;
}): OutgoingRequest {
  const { target, secrets, message, nowMs } = options;
  const body = target.method === 'POST' ? bodyOf(message) : null;
  const timestampS = Math.floor(nowMs / 1_000);
  const id = message.event_id;
  const headers = {
    ...secrets.headers,
    ...(secrets.basicAuth === null ? {} : { authorization: basicAuthOf(secrets.basicAuth) }),
    ...(body === null ? {} : { 'content-type': 'application/json' }),
    'user-agent': 'errand-webhooks/1',
    'webhook-id': id,
    'webhook-timestamp': String(timestampS),
    'webhook-signature': liveSecrets(secrets, nowMs)
      .map((secret) => signatureOf(secret, { id, timestampS, body: body ?? '' }))
      .join(' '),
    'errand-delivery': `${id}.${target.endpointId}`,
    'errand-attempt': String(options.attempt),
    'errand-trigger': options.trigger,
    ...(options.traceparent ? { traceparent: options.traceparent } : {}),
  };
  const url = target.method === 'GET' ? fillTemplate(target.url, message) : target.url;
  return { method: target.method, url, headers, body };
}

/** Puts the results behind the members of `data`, which ends the body: `…}}`. */
function bodyOf({ body, results }: Message): string {
  return results == null ? body : `${body.slice(0, -2)},${results.slice(1)}}`;
}

/** The current secret, and those before it that are still in their grace period. */
function liveSecrets(secrets: OpenedSecrets, nowMs: number): string[] {
  const previous = secrets.previousSecrets.filter(({ expiresMs }) => expiresMs > nowMs);
  return [secrets.signingSecret, ...previous.map(({ secret }) => secret)];
}

const BLANKED = '[redacted]';

/** A request's headers as the delivery log keeps them. */
export function loggedHeaders(request: OutgoingRequest, secrets: OpenedSecrets): Record<string, string> {
  const secret = new Set([
    'authorization',
    ...Object.keys(secrets.headers).map((name) => name.toLowerCase()),
  ]);
  return Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [
      name,
      secret.has(name.toLowerCase()) ? BLANKED : value,
    ]),
  );
}

/** RFC 7617, with user name and password as UTF-8. */
function basicAuthOf(credentials: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`;
}

/** `<` and `>` are matched as typed and percent-encoded, as URL parsers leave them. */
const PLACEHOLDER = /(?:<|%3C)(JOB_ID|STATUS|ACTION|TENANT_ID)(?:>|%3E)/gi;

function fillTemplate(url: string, message: Message): string {
  const values: Record<string, string | null> = {
    JOB_ID: message.job_id,
    STATUS: message.status,
    ACTION: message.action,
    TENANT_ID: message.tenant_id,
  };
  return url.replace(PLACEHOLDER, (_, name: string) => encodeURIComponent(values[name.toUpperCase()] ?? ''));
}

const PREFIX = 'whsec_';

/**
 * The `webhook-signature` of a request, as any Standard Webhooks library verifies it
 * (github.com/standard-webhooks/standard-webhooks, v1): HMAC-SHA256 over `<id>.<timestamp>.<body>` under the bytes
 * that `secret` holds in base64 behind its `whsec_`.
 */
export function signatureOf(
  secret: string,
  signed: { id: string; timestampS: number; body: string },
): string {
  const encoded = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret;
  const mac = createHmac('sha256', Buffer.from(encoded, 'base64'));
  mac.update(`${signed.id}.${signed.timestampS}.${signed.body}`);
  return `v1,${mac.digest('base64')}`;
}
