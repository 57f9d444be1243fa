import { expect, test } from 'vitest';
import { SHORT } from '../webhook-faults/fault-forms.ts';
import { runWebhookFaults } from '../webhook-faults/run-webhook-faults.ts';

test('every endpoint receives every event while processes are killed and servers stop', {
  timeout: 150_000,
}, async () => {
  const seed = Number(process.env.ERRAND_FAULTS_SEED || Date.now() % 1_000_000);
  const report = await runWebhookFaults({ form: SHORT, seed, say: (line) => console.log(line) });
  console.log('webhook faults', report);
  expect(report.first_violations).toEqual([]);
  // Without these the run proves nothing.
  expect(report.deliveries).toBeGreaterThan(1_000);
  const faults = Object.fromEntries(report.phases.map(({ name, faults }) => [name, faults]));
  expect(faults).toMatchObject({ 'postgres stopped': 1, 'nats stopped': 1 });
  expect(faults.kills).toBeGreaterThanOrEqual(3);
});
