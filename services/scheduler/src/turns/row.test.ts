import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { OpenJob } from '../jobs/open-jobs.ts';
import { addTo, createRow, dropFirst, firstIn, isBefore, type Row } from './row.ts';

const jobAt = (readyMs: number, order: number) =>
  ({ ref: { jobId: `${readyMs}-${order}` }, readyMs, order }) as OpenJob;

function emptied(row: Row): OpenJob[] {
  const jobs: OpenJob[] = [];
  for (let job = firstIn(row); job; job = firstIn(row)) {
    jobs.push(job);
    dropFirst(row);
  }
  return jobs;
}

test('jobs come in their order, however they came', () => {
  const step = fc.record({ from: fc.nat(10_000), jobs: fc.nat(1_500), taken: fc.nat(800) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 8 }), (steps) => {
      const row = createRow();
      let left: OpenJob[] = [];
      let order = 0;
      for (const { from, jobs, taken } of steps) {
        for (let number = 0; number < jobs; number++) {
          const job = jobAt(from + number, order++);
          addTo(row, job);
          left.push(job);
        }
        left.sort((a, b) => (isBefore(a, b) ? -1 : 1));
        for (let number = 0; number < Math.min(taken, left.length); number++) {
          expect(firstIn(row)).toBe(left[number]);
          dropFirst(row);
        }
        left = left.slice(taken);
      }
      expect(emptied(row)).toEqual(left);
    }),
    { numRuns: 30 },
  );
});

test('very many jobs that come before very many others do not move those one by one', () => {
  const row = createRow();
  for (let number = 0; number < 5_000; number++) addTo(row, jobAt(100_000 + number, number));
  let moved = 0;
  const { jobs } = row;
  jobs.splice = (place: number, ...others) => {
    moved += jobs.length - place;
    return Array.prototype.splice.call(jobs, place, ...(others as [number, OpenJob])) as OpenJob[];
  };
  for (let number = 0; number < 5_000; number++) addTo(row, jobAt(number, 5_000 + number));
  expect(moved).toBe(0);
  const [first, ...others] = emptied(row);
  expect([first?.readyMs, others.length, others.at(-1)?.readyMs]).toEqual([0, 9_999, 104_999]);
});
