import type { Feed, FeedChanges, FeedPage, FeedRead } from './feed.ts';
import { type FeedCursor, feedCursorText } from './feed-query.ts';

/*
 * A feed as server-sent events (WHATWG HTML, 9.2). `id` is the cursor behind the event. A heartbeat is an
 * `id` alone: the reader sees no event, but reconnects from there.
 *
 * Nothing is queued for a reader: the next page is read when it has taken the last one. A stream whose next
 * page cannot be read ends, and the reader reconnects.
 */

const encoder = new TextEncoder();
const HEAD = 'retry: 2000\n\n';

export function feedStream(options: {
  readonly feed: Feed;
  /** The stream disposes of it when it ends or its reader is gone. */
  readonly changes: FeedChanges;
  readonly wanted: FeedRead;
  readonly first: FeedPage;
  readonly heartbeatMs: number;
  readonly viewOf: (ending: FeedPage['endings'][number]) => { type: string };
}): ReadableStream<Uint8Array> {
  const { feed, changes, wanted, heartbeatMs, viewOf } = options;
  let page: FeedPage | undefined = options.first;
  let place: FeedCursor = options.first.next;
  let head = HEAD;
  let beatAt = performance.now() + heartbeatMs;

  async function next(): Promise<string | undefined> {
    for (;;) {
      page ??= await feed.read({ ...wanted, after: place });
      const { endings } = page;
      place = page.next;
      page = undefined;
      const isBeat = performance.now() >= beatAt;
      if (endings.length > 0 || isBeat || head !== '') {
        const beat = isBeat || head !== '' ? `id: ${feedCursorText(place)}\n\n` : '';
        const piece = head + endings.map(frame).join('') + beat;
        head = '';
        if (isBeat) beatAt = performance.now() + heartbeatMs;
        return piece;
      }
      const untilMs = Math.max(beatAt, performance.now() + 1);
      const change = await changes.next(untilMs);
      if (change === 'over' && performance.now() < untilMs) return undefined;
    }
  }

  function frame(ending: FeedPage['endings'][number]): string {
    const view = viewOf(ending);
    const id = feedCursorText({ version: ending.version, atMs: ending.finishedAt.getTime() });
    return `id: ${id}\nevent: ${view.type}\ndata: ${JSON.stringify(view)}\n\n`;
  }

  const close = () => changes[Symbol.dispose]();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const piece = await next().catch(() => undefined);
        if (piece !== undefined) return controller.enqueue(encoder.encode(piece));
        close();
        controller.close();
      },
      cancel: close,
    },
    { highWaterMark: 0 },
  );
}
