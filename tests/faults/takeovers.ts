import type { RecordedEvent } from '@errand/contracts';
import { executorPid } from './executor-pid.ts';

/** A period in which a process was dead or paused, or a server away, in Unix time. */
export interface Absence {
  /** Undefined for a server, which all need. */
  readonly pid?: number;
  readonly fromMs: number;
  /** Infinity if it has not come back. */
  readonly toMs: number;
}

export interface AttemptCounts {
  /** Attempts begun in place of one that was still running as far as the log knew. */
  readonly takeovers: number;
  /** Takeovers whose job was taken from an executor that was there all the time. */
  readonly needless: number;
  /** Attempts begun after a failed one. */
  readonly retries: number;
  readonly highest: number;
}

/** Counts the attempts of all jobs, whose events may come in any order. */
export function countAttempts(
  jobs: Iterable<readonly RecordedEvent[]>,
  absences: readonly Absence[],
): AttemptCounts {
  let takeovers = 0;
  let needless = 0;
  let retries = 0;
  let highest = 0;
  for (const events of jobs) {
    let running: { pid: number | undefined; fromMs: number } | undefined;
    let failed = false;
    for (const { event } of events.toSorted((a, b) => a.version - b.version)) {
      if (event.type === 'JobRetrying') failed = true;
      if (event.type === 'JobRetrying' || isHandOver(event)) running = undefined;
      if (event.type !== 'JobStarted') continue;
      const { attempt, executor_id: executorId } = event.data;
      const atMs = Date.parse(event.time);
      if (running) takeovers += 1;
      else if (failed) retries += 1;
      if (running && !wasAway(absences, { ...running, toMs: atMs })) needless += 1;
      highest = Math.max(highest, attempt);
      running = { pid: executorPid(executorId), fromMs: atMs };
      failed = false;
    }
  }
  return { takeovers, needless, retries, highest };
}

function isHandOver(event: RecordedEvent['event']): boolean {
  return event.type === 'JobDue' && event.data.handed_over_by !== undefined;
}

function wasAway(
  absences: readonly Absence[],
  { pid, fromMs, toMs }: { pid: number | undefined; fromMs: number; toMs: number },
): boolean {
  return absences.some(
    (absence) =>
      (absence.pid === undefined || absence.pid === pid) && absence.fromMs <= toMs && absence.toMs >= fromMs,
  );
}
