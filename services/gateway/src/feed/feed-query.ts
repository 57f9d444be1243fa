import { type InputError, WEBHOOK_EVENT_TYPES, type WebhookEventType } from '@errand/contracts';
import { Refusal } from '../http/problem.ts';
import { queriedWaitS } from '../http/request-headers.ts';

/** A place in a tenant's feed: behind the event of this version, which was passed at this time (Unix milliseconds). */
export interface FeedCursor {
  readonly version: number;
  readonly atMs: number;
}

/** As callers see it; they give it back as it is. */
export function feedCursorText({ version, atMs }: FeedCursor): string {
  return Buffer.from(`${version}.${atMs}`).toString('base64url');
}

/** Undefined for what no feed has ever given out. */
function readFeedCursor(text: string): FeedCursor | undefined {
  const decoded = /^[\w-]{4,48}$/.test(text) ? Buffer.from(text, 'base64url').toString('latin1') : '';
  const [, version, atMs] = /^(\d{1,15})\.(\d{1,15})$/.exec(decoded) ?? [];
  return version === undefined || atMs === undefined
    ? undefined
    : { version: Number(version), atMs: Number(atMs) };
}

export interface FeedQuery {
  /** Behind this place; `latest`: behind what there is now; undefined: from the oldest ending that is kept. */
  readonly after: FeedCursor | 'latest' | undefined;
  /** Empty for all. */
  readonly types: WebhookEventType[];
  readonly waitS: number;
  readonly limit: number;
}

const MAX_LIMIT = 1_000;
const DEFAULT_LIMIT = 100;
const PARAMETERS = new Set(['after', 'types', 'wait', 'limit']);

/**
 * Checks what a feed is asked for. `lastEventId` is where a browser goes on; it takes precedence over `after`.
 * @throws Refusal invalid_input; cursor_expired for a cursor from before `keptSinceMs`
 */
export function readFeedQuery(
  parameters: URLSearchParams,
  { lastEventId, keptSinceMs }: { lastEventId: string | undefined; keptSinceMs: number },
): FeedQuery {
  const errors: InputError[] = [];
  const refuse = (parameter: string, detail: string) =>
    errors.push({ parameter, code: 'invalid_parameter', detail });
  for (const name of new Set(parameters.keys())) {
    if (!PARAMETERS.has(name))
      errors.push({ parameter: name, code: 'unknown_parameter', detail: 'is not a known parameter' });
    else if (parameters.getAll(name).length > 1)
      errors.push({ parameter: name, code: 'repeated', detail: 'must be given once' });
  }
  const sent = lastEventId ?? parameters.get('after') ?? undefined;
  const after = sent === undefined || sent === 'latest' ? sent : readFeedCursor(sent);
  if (sent !== undefined && after === undefined) {
    refuse(lastEventId === undefined ? 'after' : 'Last-Event-ID', 'must be a cursor of this feed, or latest');
  }
  const types = (parameters.get('types')?.split(',') ?? []) as WebhookEventType[];
  if (types.some((type) => !WEBHOOK_EVENT_TYPES.includes(type))) {
    refuse('types', `must be any of ${WEBHOOK_EVENT_TYPES.join(', ')}`);
  }
  const limitText = parameters.get('limit') ?? String(DEFAULT_LIMIT);
  const limit = /^\d{1,4}$/.test(limitText) ? Number(limitText) : 0;
  if (limit < 1 || limit > MAX_LIMIT) refuse('limit', `must be a whole number from 1 to ${MAX_LIMIT}`);
  const wait = queriedWaitS(parameters.get('wait') ?? undefined);
  if (wait.kind === 'invalid') errors.push(wait.error);
  if (errors.length > 0 || wait.kind === 'invalid') throw new Refusal('invalid_input', { errors });
  if (typeof after === 'object' && after.atMs < keptSinceMs) throw new Refusal('cursor_expired');
  return { after, types, waitS: wait.seconds, limit };
}
