import { EventSource, type FetchLike } from 'eventsource';
import { useEffect, useRef, useState } from 'react';
import { ownHeaders } from './request.ts';

/** How a view learns of changes. */
export type Liveness = 'live' | 'connecting' | 'polling' | 'over';

export interface StreamedEvent {
  readonly id: string;
  readonly type: string;
  readonly data: string;
}

interface Follow {
  readonly url: string | undefined;
  readonly types: readonly string[];
  /** Some at a time: all that arrived since the last frame was drawn. */
  readonly onEvents: (events: readonly StreamedEvent[]) => void;
  /** Called once whenever the stream has opened, and every POLL_MS while it is not open. */
  readonly onPoll: (isOpen: boolean) => void;
  /** Whether nothing follows behind an event. */
  readonly isLast?: (event: StreamedEvent) => boolean;
}

/** How often a view asks that cannot follow. */
export const POLL_MS = 5_000;
const RETRY_MS = 10_000;
const FAILURES = 2;
const NOTHING_MORE = 204;

/** Unlike a browser's own, streams carry what requests do. */
const asSession: FetchLike = (url, init) =>
  fetch(url, { ...init, headers: { ...init.headers, ...ownHeaders() } });

/**
 * Follows server-sent events while the page is visible: browsers open six connections to a server, so hidden tabs keep
 * none. A stream that fails is tried again for ever; meanwhile the view polls. It is over behind the last event, or once
 * the server answers 204: nothing more comes.
 */
export function useStream({ url, types, onEvents, onPoll, isLast }: Follow): Liveness {
  const [liveness, setLiveness] = useState<Liveness>('connecting');
  const latest = useRef({ onEvents, onPoll, isLast });
  latest.current = { onEvents, onPoll, isLast };
  const names = types.join(' ');
  useEffect(() => {
    if (url === undefined) return setLiveness('over');
    return follow(url, names.split(' '), setLiveness, {
      onEvents: (events) => latest.current.onEvents(events),
      onPoll: (isOpen) => latest.current.onPoll(isOpen),
      isLast: (event) => latest.current.isLast?.(event) ?? false,
    });
  }, [url, names]);
  return liveness;
}

function follow(
  url: string,
  types: readonly string[],
  tell: (liveness: Liveness) => void,
  { onEvents, onPoll, isLast }: Required<Pick<Follow, 'onEvents' | 'onPoll' | 'isLast'>>,
): () => void {
  let source: EventSource | undefined;
  let seen: string | undefined;
  let failures = 0;
  let isOver = false;
  let again: ReturnType<typeof setTimeout> | undefined;
  let waiting: StreamedEvent[] = [];

  const polling = setInterval(() => {
    if (!isOver && document.visibilityState === 'visible' && source?.readyState !== EventSource.OPEN)
      onPoll(false);
  }, POLL_MS);

  function flush(): void {
    const events = waiting;
    waiting = [];
    if (events.length === 0) return;
    onEvents(events);
    if (events.some(isLast)) end();
  }

  function end(): void {
    isOver = true;
    close();
    tell('over');
  }

  function close(): void {
    clearTimeout(again);
    source?.close();
    source = undefined;
  }

  function open(): void {
    close();
    if (isOver || document.visibilityState !== 'visible') return;
    const separator = url.includes('?') ? '&' : '?';
    const from = new URL(seen === undefined ? url : `${url}${separator}after=${seen}`, location.origin);
    const own = new EventSource(from, { fetch: asSession });
    source = own;
    own.onopen = () => {
      failures = 0;
      tell('live');
      onPoll(true);
    };
    own.onerror = ({ code }) => {
      if (code === NOTHING_MORE) return end();
      tell(++failures >= FAILURES ? 'polling' : 'connecting');
      if (own.readyState !== EventSource.CLOSED) return;
      close();
      // The place may no longer be kept: what was missed is read by the poll.
      if (failures >= FAILURES) seen = undefined;
      again = setTimeout(open, RETRY_MS);
    };
    for (const type of types) {
      own.addEventListener(type, ({ lastEventId, data }: MessageEvent<string>) => {
        seen = lastEventId;
        // A hidden page draws no frames, and reads none of them.
        if (waiting.push({ id: lastEventId, type, data }) === 1) requestAnimationFrame(flush);
      });
    }
  }

  open();
  document.addEventListener('visibilitychange', open);
  return () => {
    document.removeEventListener('visibilitychange', open);
    clearInterval(polling);
    close();
  };
}
