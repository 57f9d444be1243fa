import { CLOCK_TOLERANCE_MS, type RecordedEvent, uuidV7Floor, uuidV7TimeMs } from '@errand/contracts';
import type { JobState } from '@errand/domain';
import { differingGroups } from '../compare-row.ts';
import type { Ending } from '../expected-deliveries.ts';
import { createLogWalk, type LogWalk } from '../log-walk.ts';
import { bucketOf, readRows } from '../stored-rows.ts';
import { readUpTo, type VerifyRun } from '../verify-context.ts';
import type { Gaps } from './check-chain.ts';

export interface LogCheck {
  /** Rows that belong to jobs of the log, by minute. */
  readonly matched: ReadonlyMap<number, number>;
  /** Jobs that have not ended and of which nothing was heard for a while. */
  readonly quiet: readonly JobState[];
}

const COMPARED_AT_ONCE = 500;
const MAX_QUIET = 10_000;

/**
 * Folds the audit log and compares each job with its row; `onEnding` is told of each ending. Jobs that differ come under
 * suspicion, as those do whose events do not fit together.
 * @throws LogUnavailable
 */
export async function checkLog(
  run: VerifyRun,
  gaps: Gaps,
  onEnding: (ending: Ending) => Promise<void>,
): Promise<LogCheck> {
  const matched = new Map<number, number>();
  const quiet: JobState[] = [];
  let fromId = uuidV7Floor(run.sinceMs);
  let afterPosition: number | undefined;
  for (;;) {
    run.counts.passes++;
    const walk = createLogWalk({ fromId, maxOpen: run.deps.maxOpenJobs });
    let ended: JobState[] = [];
    const compare = async (states: readonly JobState[]) => compareRows(run, states, matched);
    for await (const { recorded, position, filedMs } of readLog(run, afterPosition)) {
      const step = walk.take(recorded, position);
      if (step.kind === 'passed') continue;
      note(run, recorded, { isStray: step.kind === 'stray', gaps });
      if (step.kind !== 'ended') continue;
      const { event, version } = recorded;
      const timeMs = Date.parse(event.time);
      const { id: eventId, type } = event;
      await onEnding({ eventId, type, version, timeMs, filedMs, job: step.state });
      ended.push(step.state);
      if (ended.length < COMPARED_AT_ONCE) continue;
      await compare(ended);
      ended = [];
    }
    await compare(ended);
    await compareOpen(run, walk, { compare, quiet });
    if (walk.untilId === undefined || walk.resumeAt === Number.POSITIVE_INFINITY) return { matched, quiet };
    fromId = walk.untilId;
    afterPosition = walk.resumeAt - 1;
  }
}

/** Events up to the version as of which everything is compared. */
async function* readLog(
  run: VerifyRun,
  afterPosition: number | undefined,
): AsyncGenerator<{ recorded: RecordedEvent; position: number; filedMs: number }, void, undefined> {
  const { tenantId, asOfVersion } = run;
  const sinceMs = run.sinceMs - CLOCK_TOLERANCE_MS;
  let from: number | undefined;
  for await (const page of run.deps.bus.audit.read({ tenantId, afterPosition, sinceMs })) {
    run.signal.throwIfAborted();
    for (const { decoded, position, filedMs } of page.entries) {
      if (decoded.kind === 'unreadable') {
        if (run.counts.passes === 1) run.counts.unreadable++;
      } else if (decoded.recorded.version > asOfVersion) return;
      else {
        from ??= decoded.recorded.version;
        readUpTo(run, decoded.recorded.version, { from, to: asOfVersion });
        yield { recorded: decoded.recorded, position, filedMs };
      }
    }
  }
}

function note(run: VerifyRun, recorded: RecordedEvent, seen: { isStray: boolean; gaps: Gaps }): void {
  const { ref, version, event } = recorded;
  run.checked.events++;
  if (seen.isStray) run.suspect({ ...ref, isStray: true });
  else if (event.type === 'JobRequested') run.checked.jobs++;
  if (seen.gaps.has(version))
    run.findings.add('event_missing', { id: ref.jobId, detail: `${event.type} at ${version}` });
}

async function compareOpen(
  run: VerifyRun,
  walk: LogWalk,
  into: { compare: (states: readonly JobState[]) => Promise<void>; quiet: JobState[] },
): Promise<void> {
  const open = [...walk.open()];
  for (let from = 0; from < open.length; from += COMPARED_AT_ONCE) {
    run.signal.throwIfAborted();
    await into.compare(open.slice(from, from + COMPARED_AT_ONCE));
  }
  for (const state of open) {
    if (Date.parse(state.updatedAt) + run.deps.graceMs > run.startedMs) continue;
    if (into.quiet.length < MAX_QUIET) into.quiet.push(state);
    else run.counts.unconfirmed++;
  }
}

async function compareRows(
  run: VerifyRun,
  states: readonly JobState[],
  matched: Map<number, number>,
): Promise<void> {
  const kept = states.filter(({ jobId }) => uuidV7TimeMs(jobId) >= run.rowsSinceMs);
  const rows = await readRows(
    run.deps.db,
    kept.map(({ jobId }) => jobId),
  );
  run.checked.rows += rows.size;
  for (const state of kept) {
    const { tenantId, action, jobId } = state;
    const row = rows.get(jobId);
    if (row) {
      const bucket = bucketOf(uuidV7TimeMs(jobId));
      matched.set(bucket, (matched.get(bucket) ?? 0) + 1);
    }
    if (!row || differingGroups(row, state).length > 0)
      run.suspect({ tenantId, action, jobId, isStray: false });
  }
}
