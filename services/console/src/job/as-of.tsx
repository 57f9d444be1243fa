import type { RecordedEvent } from '@errand/contracts';
import { foldJob } from '@errand/domain';
import { useMemo, useState } from 'react';
import type { EventView } from '../api/answers.ts';
import { JobStatusMark } from '../parts/status.tsx';
import { clockTime } from '../parts/time.tsx';

/** The job as it was behind any of its events, folded here by the same rules as everywhere. */
export function AsOf({
  tenant,
  action,
  jobId,
  events,
  at,
  onMove,
}: {
  tenant: string;
  action: string;
  jobId: string;
  events: readonly EventView[];
  /** The version that is shown; undefined: the newest. */
  at: number | undefined;
  onMove: (version: number | undefined) => void;
}) {
  const last = events.length - 1;
  const found = at === undefined ? last : events.findLastIndex((each) => each.version <= at);
  const [moved, setMoved] = useState<number>();
  const index = Math.min(last, Math.max(0, moved ?? found));
  const state = useMemo(() => {
    const ref = { tenantId: tenant, action, jobId };
    return foldJob(
      events.slice(0, index + 1).map((event): RecordedEvent => ({ ref, version: event.version, event })),
    );
  }, [events, index, tenant, action, jobId]);
  const shown = events[index];
  if (!shown || !state) return null;
  const { status, nextAt } = state.phase.value;
  const isNewest = index === last;
  return (
    <div className="asof">
      <label className="row grow">
        As of
        <input
          type="range"
          min={0}
          max={last}
          value={index}
          aria-valuetext={`${shown.type}, ${clockTime(shown.time)}`}
          onInput={(event) => setMoved(event.currentTarget.valueAsNumber)}
          onChange={(event) => {
            const chosen = event.currentTarget.valueAsNumber;
            setMoved(undefined);
            onMove(chosen === last ? undefined : events[chosen]?.version);
          }}
        />
      </label>
      <span className="mono">
        {clockTime(shown.time)} {isNewest ? '(newest)' : ''}
      </span>
      <span className="row" role="status">
        {status === null ? 'not requested yet' : <JobStatusMark status={status} />}
        <span>attempt {state.attempt.value.number}</span>
        {state.progress.value ? <span>{state.progress.value.percent} %</span> : null}
        {nextAt === null ? null : <span>next at {clockTime(nextAt)}</span>}
        {state.outcome.value.errors.map((error) => (
          <span key={error.code} className="mono">
            {error.code}
          </span>
        ))}
      </span>
    </div>
  );
}
