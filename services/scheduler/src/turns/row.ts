import type { OpenJob } from '../jobs/open-jobs.ts';

/** Jobs in the order in which they could begin. One that has moved on since is another object by now, and is passed by. */
export interface Row {
  jobs: OpenJob[];
  front: number;
}

export function isBefore(a: OpenJob, b: OpenJob): boolean {
  return a.readyMs < b.readyMs || (a.readyMs === b.readyMs && a.order < b.order);
}

/** Adds a job at its place, which is mostly the last one, or gives what is known of it anew. */
export function addTo(row: Row, job: OpenJob): void {
  const { jobs, front } = row;
  const place = placeOf(row, job);
  if (jobs[place]?.ref.jobId === job.ref.jobId) jobs[place] = job;
  else if (place === front && front > 0) jobs[--row.front] = job;
  else jobs.splice(place, 0, job);
}

/** Of the first job that is not before another one. */
function placeOf({ jobs, front }: Row, job: OpenJob): number {
  const last = jobs.at(-1);
  if (!last || isBefore(last, job)) return jobs.length;
  let [from, to] = [front, jobs.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    const other = jobs[middle];
    if (other && isBefore(other, job)) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** So many places at the front may be empty before the rest moves up. */
const MOVE_UP_FROM = 1_000;

export function dropFirst(row: Row): void {
  row.front++;
  if (row.front < MOVE_UP_FROM || row.front < row.jobs.length / 2) return;
  row.jobs = row.jobs.slice(row.front);
  row.front = 0;
}
