import { setTimeout as pause } from 'node:timers/promises';
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
  readonly readPage: (after: number) => Promise<readonly ReadLogEntry[]>;
  /** Whether the leader has nothing behind an id. */
  readonly isAtEnd: (after: number) => Promise<boolean>;
  readonly hasEnded: () => Promise<boolean>;
  /** The id of the last entry that the reader has seen. */
  readonly after: number;
}

const encoder = new TextEncoder();
const HEAD = 'retry: 2000\n\n';
const BEAT = ':\n\n';
/** Readers come again at the end of a stream: these need not wait for their 204. */
const LAST = 'retry: 1\n\n';
/** How soon a replica that lags is asked again. */
const AGAIN_MS = 50;

export function logStream(options: LogStreamOptions): ReadableStream<Uint8Array> {
  const { changes, readPage, isAtEnd, hasEnded } = options;
  let sent = options.after;
  let head = HEAD;
  let mayBeOver = true;
  let isOver = false;
  let isAtLast = false;

  /** The next piece of the stream, or undefined at its end. */
  async function next(): Promise<string | undefined> {
    for (let isNudged = false; ; ) {
      const entries = await readPage(sent);
      if (entries.length > 0 || head !== '' || isNudged) {
        const piece = head + entries.map(frame).join('') || BEAT;
        head = '';
        sent = entries.at(-1)?.id ?? sent;
        return piece;
      }
      // What was stored before the end is read behind it.
      if (isOver) {
        if (isAtLast) return undefined;
        isAtLast = await isAtEnd(sent);
        if (isAtLast) return LAST;
        await pause(AGAIN_MS);
      } else if (mayBeOver) {
        mayBeOver = false;
        isOver = (await changes.read(hasEnded)) ?? false;
      } else {
        const wake = await changes.next();
        if (wake === 'aborted' || wake === 'timeout') return undefined;
        isNudged = wake === 'nudged';
        mayBeOver = wake === 'stored';
      }
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
    { highWaterMark: 0 },
  );
}

function frame(read: ReadLogEntry): string {
  return `id: ${read.id}\nevent: ${read.entry.type}\ndata: ${JSON.stringify(logEntryView(read))}\n\n`;
}
