import type { JobSummary } from '@errand/contracts';
import { expect, test } from 'vitest';
import { followJob } from './follow-job.ts';

function summaries(...states: Partial<JobSummary>[]) {
  const queue = states.map((state) => ({ progress: null, finished_at: null, ...state }) as JobSummary);
  return async () => queue.shift() ?? expect.unreachable();
}

test('each change is printed once, until the job has ended', async () => {
  const lines: string[] = [];
  const progress = { percent: 8, message: 'January done', updated_at: '' };
  const read = summaries(
    { status: 'queued', version: 1 },
    { status: 'queued', version: 1 },
    { status: 'running', version: 3, progress },
    { status: 'succeeded', version: 4, progress, finished_at: 'now' },
  );
  const { reads } = await followJob({ read, say: (line) => lines.push(line), timeoutMs: 10_000 });
  expect(lines).toEqual(['queued', 'running   8 % January done', 'succeeded']);
  expect(reads).toBe(4);
});

test('a version that goes backwards is an error', async () => {
  const read = summaries({ status: 'running', version: 2 }, { status: 'queued', version: 1 });
  await expect(followJob({ read, say: () => {}, timeoutMs: 10_000 })).rejects.toThrow(
    'went back from 2 to 1',
  );
});

test('a job that does not end is an error', async () => {
  const read = summaries({ status: 'queued', version: 1 });
  await expect(followJob({ read, say: () => {}, timeoutMs: 0 })).rejects.toThrow('the job is still');
});
