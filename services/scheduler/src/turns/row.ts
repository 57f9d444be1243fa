import type { OpenJob } from '../jobs/open-jobs.ts';

/** Jobs in their order. One that has moved on since is another object by now, and is passed by. */
export interface Row {
  jobs: OpenJob[];
  front: number;
}

/** Behind the others, or before them, for one that is older than the first. */
export function addTo(row: Row, job: OpenJob): void {
  const first = row.jobs[row.front];
  if (!first || first.version < job.version) row.jobs.push(job);
  else if (row.front > 0) row.jobs[--row.front] = job;
  else row.jobs.unshift(job);
}

/** So many places at the front may be empty before the rest moves up. */
const MOVE_UP_FROM = 1_000;

export function dropFirst(row: Row): void {
  row.front++;
  if (row.front < MOVE_UP_FROM || row.front < row.jobs.length / 2) return;
  row.jobs = row.jobs.slice(row.front);
  row.front = 0;
}
