import type { RecordedEvent } from '@errand/contracts';
import { isEnding, type JobChanges } from '../job-watch.ts';
import { eventView } from './event-view.ts';

/*
 * A job's events as server-sent events (WHATWG HTML, 9.2). `id` is the event's version, so ids strictly increase and a
 * reader that comes back with the last one it has seen goes on behind it.
 *
 *   retry: 2000                   once, at the head
 *   id, event, data               each event, oldest first; the stream ends behind an ending
 *   :                             now and then, so that nobody takes the connection for dead
 *
 * Nothing is queued for a reader. It gets all that happened before it came, page by page; from then on, whenever it is
 * ready for more, the newest event of each type. So a slow reader misses progress that was superseded meanwhile, but
 * never an ending.
 */

const encoder = new TextEncoder();
const HEAD = 'retry: 2000\n\n';

export interface EventStreamOptions {
  /** The stream disposes of it when it ends or its reader is gone. */
  readonly changes: JobChanges;
  /** What was read after `changes` began. */
  readonly first: { readonly events: readonly RecordedEvent[]; readonly hasMore: boolean };
  /** Reads on behind a version while there is more. */
  readonly readPage: (after: number) => Promise<EventStreamOptions['first']>;
  /** Reads the newest event of each type. */
  readonly read: () => Promise<readonly RecordedEvent[]>;
  /** The version that the reader has seen already. */
  readonly after: number;
}

export function eventStream(options: EventStreamOptions): ReadableStream<Uint8Array> {
  const { changes, read } = options;
  let { events, hasMore } = options.first;
  let sent = options.after;
  let head = HEAD;

  /** The next piece of the stream, or undefined at its end. */
  async function next(): Promise<string | undefined> {
    for (;;) {
      const fresh = eventsAfter(events, sent);
      if (fresh.length > 0 || head !== '') {
        const piece = head + fresh.map(frame).join('');
        head = '';
        sent = fresh.at(-1)?.version ?? sent;
        return piece;
      }
      if (hasMore) {
        ({ events, hasMore } = await options.readPage(sent));
        continue;
      }
      if (events.some(({ event }) => isEnding(event))) return undefined;
      const wake = await changes.next();
      if (wake === 'aborted' || wake === 'timeout') return undefined;
      // Also at a beat: a server of NATS that dies may have told nobody of what it has stored.
      events = (await changes.read(read)) ?? events;
      if (wake === 'nudged' && eventsAfter(events, sent).length === 0) return ':\n\n';
    }
  }

  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const piece = await next();
        if (piece !== undefined) return controller.enqueue(encoder.encode(piece));
        changes[Symbol.dispose]();
        controller.close();
      },
      cancel: () => changes[Symbol.dispose](),
    },
    // Without a queue of its own, the stream reads only once its reader has taken everything.
    { highWaterMark: 0 },
  );
}

/** Events newer than a version, oldest first. */
function eventsAfter(events: readonly RecordedEvent[], version: number): RecordedEvent[] {
  return events.filter((each) => each.version > version).toSorted((a, b) => a.version - b.version);
}

function frame(recorded: RecordedEvent): string {
  // JSON has no line breaks outside of strings and escapes those inside, so the data is one line.
  const data = JSON.stringify(eventView(recorded));
  return `id: ${recorded.version}\nevent: ${recorded.event.type}\ndata: ${data}\n\n`;
}
