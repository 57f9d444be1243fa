import type { ReadLogEntry } from '@errand/contracts';
import type { JobChanges } from '../job-watch.ts';
import { logEntryView } from './log-entry-view.ts';

/*
 * What a job's attempts tell, as server-sent events (WHATWG HTML, 9.2): `log`, `output` and `dropped`, each with its entry's id,
 * behind which a reader that comes back goes on. The stream ends once the job has ended and everything was sent.
 *
 * Nothing is queued for a reader: whenever it is ready for more, it gets the next page.
 */

export interface LogStreamOptions {
  /** Wakes at the job's end, for new entries and for a beat; the stream disposes of it. */
  readonly changes: JobChanges;
  /** All that the leader has behind an id, or a part of it. */
  readonly readPage: (after: number) => Promise<readonly ReadLogEntry[]>;
  readonly hasEnded: () => Promise<boolean>;
  /** The id of the last entry that the reader has seen. */
  readonly after: number;
}

const encoder = new TextEncoder();
const HEAD = 'retry: 2000\n\n';
const BEAT = ':\n\n';
/** Readers come again at the end of a stream: these need not wait for their 204. */
const LAST = 'retry: 1\n\n';
/** How long a reader may wait for an end of which nobody has told. */
const LOOK_MS = 15_000;

export function logStream({
  changes,
  readPage,
  hasEnded,
  after,
}: LogStreamOptions): ReadableStream<Uint8Array> {
  let sent = after;
  let head = HEAD;
  let isOver = false;
  let isLast = false;
  let lookedAt = Number.NEGATIVE_INFINITY;
  /** Why to look at once. */
  let reason: 'stored' | 'more' | undefined = 'stored';

  /** The next piece of the stream, or undefined at its end. */
  async function next(): Promise<string | undefined> {
    while (!isLast) {
      const wake = reason ?? (await changes.next());
      reason = undefined;
      if (wake === 'aborted' || wake === 'timeout') return undefined;
      if (!isOver && (wake === 'stored' || performance.now() - lookedAt > LOOK_MS)) {
        lookedAt = performance.now();
        isOver = (await changes.read(hasEnded)) ?? false;
      }
      // What was stored before the end is read behind it. A read that fails wakes again in a moment.
      const entries = await changes.read(() => readPage(sent));
      if (entries === undefined) continue;
      let piece = head + entries.map(frame).join('');
      head = '';
      sent = entries.at(-1)?.id ?? sent;
      isLast = isOver && entries.length === 0;
      if (isLast) piece += LAST;
      if (entries.length > 0) reason = 'more';
      else if (piece === '' && wake === 'nudged') piece = BEAT;
      if (piece !== '') return piece;
    }
    return undefined;
  }

  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const piece = await next();
          if (piece !== undefined) return controller.enqueue(encoder.encode(piece));
        } catch (error) {
          changes[Symbol.dispose]();
          throw error;
        }
        changes[Symbol.dispose]();
        controller.close();
      },
      cancel: () => changes[Symbol.dispose](),
    },
    { highWaterMark: 0 },
  );
}

function frame(read: ReadLogEntry): string {
  return `id: ${read.id}\nevent: ${read.entry.type}\ndata: ${JSON.stringify(logEntryView(read))}\n\n`;
}
