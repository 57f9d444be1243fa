import type { TickOutcome } from '@errand/contracts';
import type { ScheduleView } from '../api/answers.ts';
import { Mark } from '../parts/status.tsx';

/** Whether a schedule ticks. */
export function ScheduleMark({ schedule }: { schedule: Pick<ScheduleView, 'paused' | 'next_at'> }) {
  if (schedule.paused) return <Mark tone="idle" icon="off" word="Paused" />;
  return schedule.next_at === null ? (
    <Mark tone="idle" icon="idle" word="Over" />
  ) : (
    <Mark tone="ok" icon="ok" word="Active" />
  );
}

/** What became of a tick. */
export function OutcomeMark({ outcome }: { outcome: TickOutcome }) {
  switch (outcome) {
    case 'requested':
      return <Mark tone="ok" icon="ok" word="Requested" />;
    case 'skipped':
      return <Mark tone="idle" icon="off" word="Skipped" />;
    case 'missed':
      return <Mark tone="warn" icon="warn" word="Missed" />;
    case 'refused':
      return <Mark tone="bad" icon="bad" word="Refused" />;
  }
}
