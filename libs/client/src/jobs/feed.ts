import { checkOptions, type Members } from '../http/check-options.ts';
import { streamEvents } from '../http/event-stream.ts';
import type { Transport } from '../http/transport.ts';

export type EndingType = 'job.succeeded' | 'job.failed' | 'job.canceled' | 'job.expired';

/** The end of one of the tenant's jobs. */
export interface Ending {
  readonly type: EndingType;
  readonly version: number;
  readonly job_id: string;
  readonly action: string;
  readonly resource: Readonly<Record<string, string>>;
  readonly status: 'succeeded' | 'failed' | 'canceled' | 'expired';
  readonly metadata: Readonly<Record<string, string>>;
  readonly finished_at: string;
  readonly links: { readonly status: string; readonly job: string };
  /** Store it once the ending has been dealt with: `after` continues from there, after any restart. */
  readonly cursor: string;
}

export interface FeedOptions {
  /** A cursor, or `latest`. Default: the oldest ending that is kept. */
  readonly after?: string | undefined;
  /** Default: all four. */
  readonly types?: readonly EndingType[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

const FEED: Members<FeedOptions> = { after: true, types: true, signal: true };

/** Endings in the order of the log, without end. */
export interface Feed extends AsyncIterable<Ending> {
  /**
   * Points after the ending that was handed out last, and moves on while nothing ends; undefined before the first
   * connection. Store it too if a feed may be quiet for days: cursors expire.
   */
  readonly cursor: string | undefined;
}

/** @throws ErrandError `cursor_expired`, during reading, for a cursor that is too old */
export function openFeed(transport: Transport, options: FeedOptions = {}): Feed {
  const { after, types, signal } = options ?? {};
  let cursor = after === 'latest' ? undefined : after;
  async function* read(): AsyncGenerator<Ending, void, void> {
    checkOptions(options, FEED);
    const events = streamEvents(transport, {
      path: '/events',
      query: { after: cursor === undefined ? after : undefined, types: types?.join(',') },
      lastId: cursor,
      signal,
      onPlace: (place) => {
        cursor = place;
      },
    });
    for await (const { id, json } of events) yield { ...(json as Omit<Ending, 'cursor'>), cursor: id };
  }
  return {
    get cursor() {
      return cursor;
    },
    [Symbol.asyncIterator]: read,
  };
}
