import { useVirtualizer } from '@tanstack/react-virtual';
import { useRef, useState } from 'react';
import type { EventView } from '../api/answers.ts';
import { Empty } from '../parts/feedback.tsx';
import { JsonView } from '../parts/json-view.tsx';
import { clockTime } from '../parts/time.tsx';

const ROW_PX = 34;

/** A job's events; of many, only those in sight are in the page. */
export function EventList({
  events,
  texts,
}: {
  events: readonly EventView[];
  texts: ReadonlyMap<number, string>;
}) {
  const box = useRef<HTMLDivElement>(null);
  const [chosen, setChosen] = useState<number>();
  const rows = useVirtualizer({
    count: events.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW_PX,
    overscan: 10,
  });
  if (events.length === 0) return <Empty title="No event has been read yet." />;
  const text = chosen === undefined ? undefined : texts.get(chosen);
  return (
    <div className="body stack">
      <section ref={box} className="events" tabIndex={0} aria-label="Events">
        <ul style={{ height: rows.getTotalSize() }}>
          {rows.getVirtualItems().map(({ index, start }) => {
            const event = events[index];
            if (!event) return null;
            return (
              <li key={event.version} style={{ transform: `translateY(${start}px)` }}>
                <button
                  type="button"
                  aria-pressed={chosen === event.version}
                  onClick={() => setChosen(chosen === event.version ? undefined : event.version)}
                >
                  <span className="mono faint">{event.version}</span>
                  <span className="mono">{clockTime(event.time)}</span>
                  <b>{event.type}</b>
                  <span className="dim clip" dir="auto">
                    {gistOf(event)}
                  </span>
                </button>
              </li>
            );
          })}
        </ul>
      </section>
      {text === undefined ? null : <JsonView text={text} label={`event ${chosen}`} />}
    </div>
  );
}

/** What is worth seeing without opening it. */
function gistOf(event: EventView): string {
  switch (event.type) {
    case 'JobStarted':
      return `attempt ${event.data.attempt} at ${event.data.executor_id}`;
    case 'JobProgressed':
      return `${event.data.percent} % ${event.data.message ?? ''}`;
    case 'JobRetrying':
    case 'JobFailed':
      return `${event.data.error.code}: ${event.data.error.message}`;
    case 'JobDue':
      return event.data.reason;
    case 'JobCancelRequested':
    case 'JobCanceled':
      return `by ${event.data.by}`;
    default:
      return '';
  }
}
