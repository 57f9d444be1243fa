import type { BulkAction } from '@errand/client';
import { facts, pairs, table } from './text.ts';
import { whenIs } from './times.ts';

/** A bulk action for people, one line for each known fact, and its first failures. */
export function bulkText(action: BulkAction, nowMs: number): string {
  const { counts, failures } = action;
  const text = facts({
    'bulk action': action.bulk_id,
    action: action.action,
    state: action.state,
    filter: filterText(action.filter),
    matched: counts.matched,
    done: counts.done,
    skipped: `${counts.skipped} ${pairs(action.skipped_because)}`,
    failed: counts.failed,
    created: `${whenIs(action.created_at, nowMs)} by ${action.created_by}`,
    started: whenIs(action.started_at, nowMs),
    ended: whenIs(action.ended_at, nowMs),
  });
  if (failures.length === 0) return text;
  const rows = failures.map(({ job_id, code, detail }) => [job_id, code, detail]);
  return `${text}\n\n${table(['FAILED JOB', 'CODE', ''], rows)}`;
}

function filterText({ metadata, job_ids: jobIds, ...others }: BulkAction['filter']): string {
  const named = Object.entries(others).map(([name, value]) => `${name}=${[value].flat().join(',')}`);
  const entries = Object.entries(metadata ?? {}).map(([name, value]) => `metadata.${name}=${value}`);
  const jobs = jobIds === undefined ? [] : [`${jobIds.length} job ids`];
  return [...named, ...entries, ...jobs].join(' ');
}
