import type { JobEventType } from '@errand/contracts';

/*
 * What must hold of every job in the log, whatever its writers went through:
 *
 *   - each stored event follows the very event that its writer had seen last: the events form a chain;
 *   - each append that was acknowledged is stored, once, under the acknowledged version;
 *   - nothing is stored that nobody wrote, or whose writer was told that it was refused;
 *   - the job is requested once, ends at most once, and nothing follows its ending.
 */

/** One message of the log, as far as the check needs it. */
export interface StoredEvent {
  readonly jobId: string;
  readonly version: number;
  readonly eventId: string;
  readonly type: JobEventType;
}

/** One append as its writer knows it. */
export interface WrittenEvent {
  readonly expectedVersion: number;
  /** `unknown`: no answer came, so the event may be stored or not. */
  readonly outcome: { kind: 'acknowledged'; version: number } | { kind: 'refused' } | { kind: 'unknown' };
}

export interface ChainViolation {
  readonly kind:
    | 'broken_link'
    | 'stored_twice'
    | 'stored_elsewhere'
    | 'unwritten'
    | 'refused_but_stored'
    | 'acknowledged_but_missing'
    | 'not_one_request'
    | 'second_ending'
    | 'event_after_ending';
  /** Absent if only the event is known. */
  readonly jobId?: string;
  readonly detail: string;
}

const ENDINGS: readonly JobEventType[] = ['JobSucceeded', 'JobFailed', 'JobCanceled', 'JobExpired'];

/** Whether an event ends its job. */
export function isEnding(type: JobEventType): boolean {
  return ENDINGS.includes(type);
}

/** Compares the log with what its writers did; `stored` in any order, `written` by event id. Empty when all holds. */
export function checkChains(
  stored: readonly StoredEvent[],
  written: ReadonlyMap<string, WrittenEvent>,
): ChainViolation[] {
  const jobs = Map.groupBy(stored, ({ jobId }) => jobId);
  const violations = [...jobs.values()].flatMap((events) => checkJob(events, written));
  const storedIds = new Set(stored.map(({ eventId }) => eventId));
  for (const [eventId, { outcome }] of written) {
    if (outcome.kind === 'acknowledged' && !storedIds.has(eventId)) {
      const detail = `event ${eventId}, acknowledged as ${outcome.version}, is not in the log`;
      violations.push({ kind: 'acknowledged_but_missing', detail });
    }
  }
  return violations;
}

function checkJob(
  events: readonly StoredEvent[],
  written: ReadonlyMap<string, WrittenEvent>,
): ChainViolation[] {
  const violations: ChainViolation[] = [];
  const seen = new Set<string>();
  let previousVersion = 0;
  let requests = 0;
  let hasEnded = false;
  for (const event of events.toSorted((a, b) => a.version - b.version)) {
    const { jobId, version, eventId, type } = event;
    const report = (kind: ChainViolation['kind'], detail: string) =>
      violations.push({ kind, jobId, detail: `${type} ${eventId} at ${version}: ${detail}` });
    if (seen.has(eventId)) report('stored_twice', 'an earlier version holds it already');
    seen.add(eventId);
    for (const [kind, detail] of wrongsOf(event, written.get(eventId), previousVersion)) report(kind, detail);
    if (type === 'JobRequested') requests += 1;
    if (hasEnded && isEnding(type)) report('second_ending', `the job has ended before ${version}`);
    else if (hasEnded) report('event_after_ending', `the job has ended before ${version}`);
    hasEnded ||= isEnding(type);
    previousVersion = version;
  }
  if (requests !== 1) {
    const jobId = events[0]?.jobId ?? '';
    violations.push({ kind: 'not_one_request', jobId, detail: `${requests} JobRequested` });
  }
  return violations;
}

/** What is wrong with one stored event, given what its writer knows of it. */
function wrongsOf(
  event: StoredEvent,
  write: WrittenEvent | undefined,
  previousVersion: number,
): [ChainViolation['kind'], string][] {
  if (!write) return [['unwritten', 'no writer knows it']];
  const wrongs: [ChainViolation['kind'], string][] = [];
  const { expectedVersion, outcome } = write;
  if (expectedVersion !== previousVersion) {
    wrongs.push(['broken_link', `it should follow ${expectedVersion} and follows ${previousVersion}`]);
  }
  if (outcome.kind === 'refused') wrongs.push(['refused_but_stored', 'its writer was told of a conflict']);
  if (outcome.kind === 'acknowledged' && outcome.version !== event.version) {
    wrongs.push(['stored_elsewhere', `it was acknowledged as ${outcome.version}`]);
  }
  return wrongs;
}
