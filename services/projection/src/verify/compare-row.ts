import { isDeepStrictEqual } from 'node:util';
import type { RecordedEvent } from '@errand/contracts';
import { foldJob, type JobState, type Register } from '@errand/domain';
import { throughRow } from '@errand/postgres';

/** The registers of a job's state: the groups of columns that are set together. */
type Group = { [K in keyof JobState]: JobState[K] extends Register<unknown> ? K : never }[keyof JobState];
/** A record, so that types miss a register that is left out. */
const COMPARED: Record<Group, true> = {
  request: true,
  phase: true,
  attempt: true,
  progress: true,
  outcome: true,
  cancelRequested: true,
};
const GROUPS = Object.keys(COMPARED) as Group[];
export type DifferingGroup = Group | 'version' | 'job';

/** The groups in which a row is not what the log folds to. */
export function differingGroups(row: JobState, folded: JobState): DifferingGroup[] {
  const state = throughRow(folded);
  const differing: DifferingGroup[] = GROUPS.filter((group) => !isDeepStrictEqual(row[group], state[group]));
  if (row.tenantId !== state.tenantId || row.action !== state.action) differing.push('job');
  if (row.version !== state.version || row.updatedAt !== state.updatedAt) differing.push('version');
  return differing;
}

/**
 * The same for a row of a job that goes on meanwhile. Each group must be what the log made of it at the version that the
 * group has, and that version must not be older than what the row is known to have passed.
 */
export function groupsAgainstHistory(
  row: JobState,
  events: readonly RecordedEvent[],
  passedVersion: number,
): DifferingGroup[] {
  const upTo = (version: number) => {
    const state = foldJob(events.filter((each) => each.version <= version));
    return state && throughRow(state);
  };
  const passed = upTo(passedVersion);
  const differing: DifferingGroup[] = GROUPS.filter((group) => {
    const { version } = row[group];
    // A group that no event has set is as a job begins.
    const told = (version === 0 ? passed : upTo(version))?.[group];
    return !isDeepStrictEqual(row[group], told) || version < (passed?.[group].version ?? 0);
  });
  const newest = upTo(row.version);
  if (row.tenantId !== newest?.tenantId || row.action !== newest.action) differing.push('job');
  const isAhead = row.version >= (passed?.version ?? 0);
  if (!isAhead || row.version !== newest?.version || row.updatedAt !== newest.updatedAt) {
    differing.push('version');
  }
  return differing;
}
