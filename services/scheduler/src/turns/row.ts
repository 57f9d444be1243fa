import type { OpenJob } from '../jobs/open-jobs.ts';

/** Jobs in the order in which they could begin. One that has moved on since is another object by now, and is passed by. */
export interface Row {
  jobs: OpenJob[];
  front: number;
  /** Jobs whose places are far before the end: they get them together, once somebody asks who is the first. */
  early: OpenJob[];
}

/** An array moves so many places at once in no time. */
const MOST_MOVED = 1_000;

export function createRow(): Row {
  return { jobs: [], front: 0, early: [] };
}

/** The first job; undefined if there is none. All are in their places then. */
export function firstIn(row: Row): OpenJob | undefined {
  if (row.early.length > 0) placeEarly(row);
  return row.jobs[row.front];
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
  else if (jobs.length - place <= MOST_MOVED) jobs.splice(place, 0, job);
  else row.early.push(job);
}

function placeEarly(row: Row): void {
  const early = row.early.sort((a, b) => (isBefore(a, b) ? -1 : 1));
  const placed: OpenJob[] = [];
  let next = 0;
  for (let place = row.front; place < row.jobs.length; place++) {
    const job = row.jobs[place];
    if (!job) continue;
    for (let other = early[next]; other && isBefore(other, job); other = early[++next]) placed.push(other);
    placed.push(job);
  }
  row.jobs = placed.concat(early.slice(next));
  row.front = 0;
  row.early = [];
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
