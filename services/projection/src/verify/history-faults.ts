import type { FindingKind, RecordedEvent } from '@errand/contracts';
import { foldJob, isEnded } from '@errand/domain';

export interface Fault {
  readonly kind: FindingKind;
  readonly detail: string;
}

/** What is wrong with all that happened to one job, whatever its row says. */
export function historyFaults(events: readonly RecordedEvent[]): Fault[] {
  const ordered = events.toSorted((a, b) => a.version - b.version);
  const requests = ordered.filter(({ event }) => event.type === 'JobRequested').length;
  const ends = ordered.filter((each) => isEnded(foldJob([each])?.phase.value.status ?? null));
  const [first, second] = ends;
  const faults: Fault[] = [];
  if (requests !== 1) faults.push({ kind: 'request_missing', detail: `${requests} JobRequested` });
  if (first && second) {
    const told = ends.map(({ event, version }) => `${event.type} at ${version}`).join(', ');
    faults.push({ kind: 'second_ending', detail: told });
  }
  const late = first && ordered.find((each) => each.version > first.version && !ends.includes(each));
  if (late) {
    const detail = `${late.event.type} at ${late.version}, ended at ${first.version}`;
    faults.push({ kind: 'event_after_ending', detail });
  }
  return faults;
}
