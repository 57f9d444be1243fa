import { ENDING_TYPES, type JobFact } from '@errand/contracts';
import { startTestNats, waitUntil } from '@errand/testkit';
import { expect, test } from 'vitest';
import { eventOf, newJob, openTestBus, requested, started } from './bus.ts';

const SUCCEEDED: JobFact = { type: 'JobSucceeded', data: { attempt: 1, result: {}, duration_ms: 1 } };
const CANCELED: JobFact = { type: 'JobCanceled', data: { by: 'test' } };

test('a read from a given time has every requested kind of event', async () => {
  await using nats = await startTestNats();
  await using bus = await openTestBus(nats.url);
  const versions: number[] = [];
  const times: number[] = [];
  for (const ending of [SUCCEEDED, SUCCEEDED, SUCCEEDED, CANCELED, SUCCEEDED]) {
    const began = Date.now();
    await waitUntil(() => Date.now() > began, { intervalMs: 1 });
    times.push(Date.now());
    const ref = newJob();
    let version = 0;
    for (const event of [requested(ref), started(ref), eventOf(ref, ending)]) {
      const outcome = await bus.jobs.append({ ref, event, expectedVersion: version });
      if (outcome.kind !== 'appended') throw new Error(outcome.kind);
      version = outcome.version;
    }
    versions.push(version);
  }
  await waitUntil(async () => (await bus.audit.version()) === versions.at(-1));
  for (const [index, sinceMs] of times.entries()) {
    const audited: number[] = [];
    const types = ['JobSucceeded', 'JobCanceled'] as const;
    for await (const { entries } of bus.audit.read({ tenantId: 'acme', types, sinceMs })) {
      audited.push(...entries.map(({ version }) => version));
    }
    // Filing there takes a moment, so one from before may be among them.
    expect(audited).toEqual(expect.arrayContaining(versions.slice(index)));
  }
  const later = bus.audit.read({ tenantId: 'acme', types: ENDING_TYPES, sinceMs: Date.now() + 60_000 });
  for await (const { entries } of later) expect(entries).toEqual([]);
});
