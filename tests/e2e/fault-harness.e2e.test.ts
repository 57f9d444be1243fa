import { expect, test } from 'vitest';
import { SHORT } from '../faults/forms.ts';
import { runFaults } from '../faults/run-faults.ts';

test('every promise holds while processes are killed and paused under load', {
  timeout: 240_000,
}, async () => {
  const seed = Number(process.env.ERRAND_FAULTS_SEED || Date.now() % 1_000_000);
  const report = await runFaults({ form: SHORT, seed, say: (line) => console.log(line) });
  console.log('fault harness', report);
  expect(report.first_violations).toEqual([]);
  expect(report.jobs.accepted).toBe(SHORT.jobs);
  // Without these the run proves nothing.
  expect(report.jobs.scheduled).toBeGreaterThan(0);
  expect(report.callbacks['200']).toBeGreaterThan(0);
  expect(report.log_entries).toBeGreaterThan(0);
  expect(report.faults.nats_kills).toBe(SHORT.natsKills);
  expect(report.attempts.takeovers).toBeGreaterThan(0);
  expect(report.requests.refused + report.requests.broken).toBeGreaterThan(0);
});
