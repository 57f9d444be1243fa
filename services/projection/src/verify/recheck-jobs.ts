import { HistoryOutOfReach } from '@errand/bus';
import { CLOCK_TOLERANCE_MS, type RecordedEvent, uuidV7TimeMs } from '@errand/contracts';
import { foldJob, type JobState } from '@errand/domain';
import { type DifferingGroup, groupsAgainstHistory } from './compare-row.ts';
import { historyFaults } from './history-faults.ts';
import { newestVersion } from './newest-version.ts';
import { readRows } from './stored-rows.ts';
import { forEachParallel, passedVersion, type Suspect, type VerifyRun } from './verify-context.ts';

/** Of one job, going through the audit log. */
const LIMITS = { maxEntries: 1_000_000, maxMs: 15_000 };
/** How long the read model may take to pass what was read of the log. */
const PASS_MS = 30_000;
const AT_ONCE = 200;

/**
 * Looks at suspects a second time, each with all of its events and its row once that has passed them. What was under way
 * the first time is cleared; the rest are findings.
 * @throws LogUnavailable
 */
export async function recheckJobs(run: VerifyRun): Promise<void> {
  const suspects = [...run.suspects.values()];
  for (let from = 0; from < suspects.length; from += AT_ONCE) {
    await recheckSome(run, suspects.slice(from, from + AT_ONCE));
  }
}

async function recheckSome(run: VerifyRun, suspects: readonly Suspect[]): Promise<void> {
  const histories = new Map<Suspect, RecordedEvent[]>();
  await forEachParallel(run, suspects, async (suspect) => {
    const events = await readAll(run, suspect);
    if (!events) run.counts.unconfirmed++;
    else histories.set(suspect, events);
  });
  const passed = newestVersion([...histories.values()].flat());
  if (!(await hasPassed(run, passed))) {
    run.counts.unconfirmed += histories.size;
    return;
  }
  const rows = await readRows(
    run.deps.db,
    suspects.map(({ jobId }) => jobId),
  );
  await forEachParallel(run, histories, async ([suspect, before]) => {
    const { jobId } = suspect;
    for (const { kind, detail } of historyFaults(before)) run.findings.add(kind, { id: jobId, detail });
    if (uuidV7TimeMs(jobId) < run.rowsSinceMs || before.length === 0) return;
    const row = rows.get(jobId);
    if (!row) return run.findings.add('row_missing', { id: jobId, detail: `${before.length} events` });
    const newest = newestVersion(before);
    // By then there may be events newer than the row.
    const events = row.version > newest ? ((await readAll(run, suspect)) ?? before) : before;
    const groups = groupsAgainstHistory(row, events, newest);
    if (groups.length === 0) return;
    const detail = detailOf(row, foldJob(events), groups);
    run.findings.add('row_differs', { id: jobId, detail, groups });
  });
}

/** All events of a job, or undefined where they are out of reach. Empty: there are none. */
async function readAll(run: VerifyRun, suspect: Suspect): Promise<RecordedEvent[] | undefined> {
  const { bus } = run.deps;
  const { tenantId, action, jobId } = suspect;
  const newest = await bus.jobs.read({ tenantId, action, jobId });
  const request = newest.find(({ event }) => event.type === 'JobRequested');
  const events = new Map<number, RecordedEvent>(newest.map((each) => [each.version, each]));
  try {
    const pages = request
      ? bus.jobs.readHistory(suspect, {
          // Of two requests only the later one is among the newest.
          fromVersion: suspect.isStray ? 1 : request.version,
          toVersion: newestVersion(newest),
        })
      : bus.audit.readHistory(
          { tenantId, action, jobId, sinceMs: uuidV7TimeMs(jobId) - CLOCK_TOLERANCE_MS, pastEnding: true },
          LIMITS,
        );
    for await (const page of pages) for (const each of page) events.set(each.version, each);
  } catch (error) {
    if (error instanceof HistoryOutOfReach) return undefined;
    throw error;
  }
  return [...events.values()].sort((a, b) => a.version - b.version);
}

/** Which event the row has each group of, and which one the log says; where it is the same, the values differ. */
function detailOf(row: JobState, folded: JobState | undefined, groups: readonly DifferingGroup[]): string {
  const versionIn = (state: JobState | undefined, group: DifferingGroup) =>
    group === 'version' || group === 'job' ? state?.version : state?.[group].version;
  const told = groups.map((group) => {
    const [inRow, inLog] = [versionIn(row, group), versionIn(folded, group)];
    return inRow === inLog
      ? `${group} of ${inRow} has another value`
      : `${group} of ${inRow}, log has ${inLog}`;
  });
  return told.join('; ');
}

async function hasPassed(run: VerifyRun, version: number): Promise<boolean> {
  const giveUpAt = performance.now() + PASS_MS;
  while ((await passedVersion(run.deps)) < version) {
    if (performance.now() > giveUpAt) return false;
    run.signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return true;
}
