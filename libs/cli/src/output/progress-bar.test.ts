import { Writable } from 'node:stream';
import type { BulkAction, JobSummary } from '@errand/client';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { drawBar, drawBulkBar, startBar } from './progress-bar.ts';

const CREATED = '2026-01-31T12:00:00.000Z';
const NOW_MS = Date.parse(CREATED) + 65_000;

function jobAt(percent: number | null, change: Partial<JobSummary> & { message?: string } = {}): JobSummary {
  const { message = 'March done', ...rest } = change;
  return {
    job_id: 'j',
    status: 'running',
    created_at: CREATED,
    finished_at: null,
    progress: percent === null ? null : { percent, message, updated_at: CREATED },
    attempt: { number: 2, max: 5, next_at: null },
    ...rest,
  } as JobSummary;
}

test('the line shows progress, status, message, attempt and elapsed time', () => {
  expect(drawBar(jobAt(25), { nowMs: NOW_MS, columns: 100 })).toBe(
    '██████░░░░░░░░░░░░░░░░░░  25 %  running  March done  attempt 2/5  1:05',
  );
  const queued = jobAt(null, { status: 'queued', attempt: { number: 0, max: null, next_at: null } });
  expect(drawBar(queued, { nowMs: NOW_MS, columns: 100 })).toBe(
    '░░░░░░░░░░░░░░░░░░░░░░░░   0 %  queued  1:05',
  );
});

test('an ended job stands still, and success fills the bar', () => {
  const ended = { status: 'succeeded', finished_at: '2026-01-31T12:00:09.000Z' } as Partial<JobSummary>;
  expect(drawBar(jobAt(80, ended), { nowMs: NOW_MS, columns: 100 })).toMatch(
    /^█{24} 100 % {2}succeeded .* 0:09$/,
  );
});

const ANY_TEXT = fc
  .array(fc.integer({ min: 0, max: 0x2fff }), { maxLength: 60 })
  .map((codes) => String.fromCodePoint(...codes));

test('no line is as wide as the terminal, whatever a message holds', () => {
  const drawn = fc.record({
    message: ANY_TEXT,
    columns: fc.integer({ min: 1, max: 200 }),
  });
  fc.assert(
    fc.property(drawn, ({ message, columns }) => {
      const line = drawBar(jobAt(50, { message }), { nowMs: NOW_MS, columns });
      expect(line.length).toBeLessThan(Math.max(1, columns));
      expect(line).not.toContain('\n');
    }),
  );
});

test('wide characters take two cells each, and none is cut in two', () => {
  for (const message of ['漢'.repeat(60), '🚀'.repeat(60)]) {
    for (const columns of [90, 91]) {
      const line = drawBar(jobAt(50, { message }), { nowMs: NOW_MS, columns });
      const wide = [...line].filter((char) => message.includes(char)).length;
      expect([...line].length + wide).toBeLessThan(columns);
      expect(wide).toBeGreaterThan(5);
      expect(line.isWellFormed()).toBe(true);
    }
  }
});

test('an invalid percentage is drawn as the nearest valid one', () => {
  expect(drawBar(jobAt(150), { nowMs: NOW_MS, columns: 100 })).toMatch(/^█{24} 100 %/);
  expect(drawBar(jobAt(-10), { nowMs: NOW_MS, columns: 100 })).toMatch(/^░{24} {3}0 %/);
});

test('the line of a bulk action shows how many jobs had their turn', () => {
  const action = {
    state: 'running',
    created_at: CREATED,
    ended_at: null,
    counts: { matched: 60, done: 12, skipped: 2, failed: 1 },
  } as BulkAction;
  const view = { nowMs: NOW_MS, columns: 100 };
  expect(drawBulkBar(action, view)).toBe(
    '██████░░░░░░░░░░░░░░░░░░  25 %  running  15 of 60, 2 skipped, 1 failed  1:05',
  );
  const none = { matched: 0, done: 0, skipped: 0, failed: 0 };
  expect(drawBulkBar({ ...action, counts: none, state: 'done' }, view)).toMatch(/^█{24} 100 % {2}done/);
});

test('each drawing goes over the one before, and the last one stays', () => {
  const drawn: string[] = [];
  const stderr = new Writable({
    write(chunk, _, done) {
      drawn.push(String(chunk));
      done();
    },
  });
  const bar = startBar({ stderr, now: () => NOW_MS }, () => 80, drawBar);
  bar.update(jobAt(50));
  bar.stop();
  const line = drawBar(jobAt(50), { nowMs: NOW_MS, columns: 80 });
  expect(drawn).toEqual([`\r${line}\u001b[K`, `\r${line}\u001b[K`, '\n']);
});
