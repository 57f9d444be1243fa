import type { JobSummary } from '@errand/client';
import { expect, test } from 'vitest';
import { jobText, tookOf } from './job-text.ts';

const JOB = {
  job_id: 'j',
  action: 'a',
  status: 'failed',
  resource: {},
  metadata: {},
  errors: [],
  progress: null,
  created_at: '2026-01-31T12:00:00Z',
  started_at: '2026-01-31T12:01:00Z',
  finished_at: '2026-01-31T12:01:01Z',
  attempt: { number: 3, max: 3, next_at: null },
} as unknown as JobSummary;

test('a job took all the time from its request to its end, whichever attempt was the last', () => {
  expect(tookOf(JOB)).toBe('1 min');
  expect(tookOf({ ...JOB, finished_at: null } as JobSummary)).toBe('');
  expect(jobText(JOB, 0)).toMatch(/\ntook +1 min\nlast attempt +1\.0 s\n?/);
  const once = { ...JOB, attempt: { number: 1, max: 3, next_at: null } };
  expect(jobText(once, 0)).not.toContain('last attempt');
});

test('a job that waits for a call says so, and until when', () => {
  const attempt = { number: 1, max: 3, next_at: '2026-01-31T13:00:00Z', waits_for: 'callback' };
  const running = { ...JOB, status: 'running', attempt } as unknown as JobSummary;
  const text = jobText(running, Date.parse('2026-01-31T12:00:00Z'));
  expect(text).toMatch(/\nwaits for +a call from outside, at the latest .+/);
  expect(text).not.toContain('next attempt');
});

test('when the next attempt begins is told as long as that is ahead', () => {
  const attempt = { number: 1, max: 3, next_at: '2026-01-31T13:00:00Z' };
  const queue = { waits_for: 'turn', jobs_before: 2 };
  const queued = { ...JOB, status: 'queued', attempt, queue } as unknown as JobSummary;
  expect(jobText(queued, Date.parse('2026-01-31T12:00:00Z'))).toMatch(/\nnext attempt +.+in 1 h/);
  const late = jobText(queued, Date.parse('2026-01-31T13:00:01Z'));
  expect(late).toMatch(/\nwaits for +its turn, 2 jobs before it/);
  expect(late).not.toContain('next attempt');
});

test('the line that downloads a file is safe to paste, whatever the file is called', () => {
  const lineOf = (filename: string | null) => {
    const link = { url: '/r', sha256: 'f', bytes: 4, content_type: 'application/pdf', filename };
    const succeeded = { ...JOB, status: 'succeeded', results: null, results_link: link, retry_of: 'j-0' };
    return jobText(succeeded as unknown as JobSummary, 0);
  };
  for (const [filename, word] of [
    ['r.pdf', 'r.pdf'],
    ['r.pdf; touch PWNED #', "'r.pdf; touch PWNED #'"],
    ["it's $(id)", `'it'\\''s $(id)'`],
    ['../../.ssh/authorized_keys', 'authorized_keys'],
    ['C:\\temp\\a.txt', 'a.txt'],
    ['--json', 'json'],
    ['.bashrc', 'bashrc'],
    ['..', 'result'],
    [null, 'result'],
  ] as const) {
    expect(lineOf(filename)).toContain(` --out ${word}\n`);
  }
});

test('a result that only looks like a link is shown as it is', () => {
  const results = { url: '/r', sha256: 'f', bytes: 4 };
  const succeeded = { ...JOB, status: 'succeeded', results, results_link: null };
  expect(jobText(succeeded as unknown as JobSummary, 0)).toContain('"sha256":"f"');
});

test('a failure names the places that are wrong', () => {
  const errors = [
    {
      code: 'invalid_result',
      message: 'It does not fit.',
      details: [{ pointer: '#/kwh', code: 'invalid_type' }],
    },
  ];
  expect(jobText({ ...JOB, errors } as unknown as JobSummary, 0)).toContain(
    'invalid_result: It does not fit. (#/kwh invalid_type)',
  );
});
