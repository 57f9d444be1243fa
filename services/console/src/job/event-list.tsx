import { useState } from 'react';
import type { EventView } from '../api/answers.ts';
import { Empty } from '../parts/feedback.tsx';
import { JsonView } from '../parts/json-view.tsx';
import { clockTime } from '../parts/time.tsx';
import { RowList } from './row-list.tsx';

/** A job's events. */
export function EventList({
  events,
  texts,
}: {
  events: readonly EventView[];
  texts: ReadonlyMap<number, string>;
}) {
  const [chosen, setChosen] = useState<number>();
  if (events.length === 0) return <Empty title="No event has been read yet." />;
  const text = chosen === undefined ? undefined : texts.get(chosen);
  return (
    <div className="body stack">
      <RowList
        label="Events"
        rows={events}
        keyOf={({ version }) => version}
        chosen={chosen}
        onChoose={setChosen}
      >
        {(event) => (
          <>
            <span className="mono faint">{event.version}</span>
            <span className="mono">{clockTime(event.time)}</span>
            <b>{event.type}</b>
            <span className="dim clip" dir="auto">
              {gistOf(event)}
            </span>
          </>
        )}
      </RowList>
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
