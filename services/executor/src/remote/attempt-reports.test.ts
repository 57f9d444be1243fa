import { expect, test } from 'vitest';
import { createAttemptReports } from './attempt-reports.ts';

/** Reports to an executor whose answers come when the test lets them come. */
function open() {
  const asked: { what: string; body: { lines?: { message: string }[]; values?: unknown[] } }[] = [];
  const answers: PromiseWithResolvers<void>[] = [];
  const tell = (_: string, what: string, body: unknown) => {
    asked.push({ what, body: body as (typeof asked)[number]['body'] });
    const answer = Promise.withResolvers<void>();
    answers.push(answer);
    return answer.promise;
  };
  return { reports: createAttemptReports({ tell }, 'token'), asked, answers };
}

const LOST = (count: number) => `${count} lines or partial results were lost on their way`;

test('what is lost while a request is under way is told with the next one', async () => {
  const { reports, asked, answers } = open();
  for (let line = 0; line < 1_006; line++) reports.log(`line ${line}`);
  answers[0]?.resolve();
  await expect.poll(() => asked.length).toBe(2);
  expect(asked[1]?.body.lines?.slice(0, 2).map(({ message }) => message)).toEqual([LOST(5), 'line 1']);
});

test('what is lost last is told as well, once', async () => {
  const { reports, asked, answers } = open();
  reports.output('1');
  answers[0]?.reject(new Error('too large'));
  await expect.poll(() => asked.length).toBe(2);
  answers[1]?.resolve();
  await reports.sent();
  expect(asked.map(({ what }) => what)).toEqual(['output', 'log']);
  expect(asked[1]?.body.lines).toEqual([{ message: LOST(1) }]);
});
