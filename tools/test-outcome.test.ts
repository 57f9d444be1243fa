import { expect, test } from 'vitest';
import { type TestRun, testOutcome } from './test-outcome.ts';

const file = (name: string, statuses: string[], status = 'passed') => ({
  name,
  status,
  assertionResults: statuses.map((each) => ({ status: each })),
});

const run = (more: Partial<TestRun> = {}): TestRun => ({
  projects: ['unit'],
  exitCode: 0,
  report: { testResults: [file('/a.test.ts', ['passed', 'passed'])] },
  ...more,
});

test('a clean run counts its tests', () => {
  expect(testOutcome(run())).toEqual({ passed: 2, failed: 0 });
});

test('failed tests are counted one by one', () => {
  const testResults = [file('/a.test.ts', ['passed', 'failed', 'failed'], 'failed')];
  expect(testOutcome(run({ exitCode: 1, report: { testResults } }))).toEqual({ passed: 1, failed: 2 });
});

test('a file that failed to load counts as one failure', () => {
  const testResults = [file('/a.test.ts', ['passed']), file('/b.test.ts', [], 'failed')];
  expect(testOutcome(run({ exitCode: 1, report: { testResults } }))).toEqual({ passed: 1, failed: 1 });
});

test('a file whose hook failed after all its tests passed counts as one failure', () => {
  const testResults = [file('/a.test.ts', ['passed'], 'failed')];
  expect(testOutcome(run({ exitCode: 1, report: { testResults } }))).toEqual({ passed: 1, failed: 1 });
});

test.each([1, null])('exit code %s is a failure even when every test passed', (exitCode) => {
  expect(testOutcome(run({ exitCode }))).toEqual({ passed: 2, failed: 1 });
});

test('a run without a report is a failure', () => {
  expect(testOutcome(run({ report: undefined }))).toEqual({ passed: 0, failed: 1 });
});

test('a project in which no test ran is a failure', () => {
  expect(testOutcome(run({ projects: ['unit', 'integration'] }))).toEqual({ passed: 2, failed: 1 });
});

test('a run of skipped tests only is a failure', () => {
  const testResults = [file('/a.test.ts', ['skipped'])];
  expect(testOutcome(run({ report: { testResults } }))).toEqual({ passed: 0, failed: 1 });
});

test('no project at all is a failure', () => {
  expect(testOutcome(run({ projects: [] }))).toEqual({ passed: 2, failed: 1 });
});

test('files of all three projects are distinguished by their names', () => {
  const testResults = ['/a.test.ts', '/b.int.test.ts', '/c.e2e.test.ts'].map((name) =>
    file(name, ['passed']),
  );
  const projects: TestRun['projects'] = ['unit', 'integration', 'e2e'];
  expect(testOutcome(run({ projects, report: { testResults } }))).toEqual({ passed: 3, failed: 0 });
});
