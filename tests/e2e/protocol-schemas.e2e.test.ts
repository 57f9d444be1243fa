import { openBus } from '@errand/bus';
import { DEFAULT_TOPOLOGY, jobSubjects } from '@errand/contracts';
import { compileSchema } from '@errand/json-schema';
import { createTestDatabase, startTestNats, waitUntil } from '@errand/testkit';
import { expect, test } from 'vitest';
import { HEADERS } from '../../tools/protocol/headers.ts';
import { protocolSchemas } from '../../tools/protocol/schemas.ts';
import { eventsOfJob } from '../conformance/logged-events.ts';
import { createCaller, SMALL_DESIGN } from './caller.ts';
import { startSystem } from './system.ts';

const ACTION = 'performance_simulation';

test('everything the services write fits the published schemas, under the published guard', async () => {
  await using resources = new AsyncDisposableStack();
  const nats = resources.use(await startTestNats());
  const database = resources.use(await createTestDatabase());
  const system = resources.use(await startSystem({ natsUrl: nats.url, databaseUrl: database.url }));
  const caller = resources.use(await createCaller(system, 'schemas'));
  const { tenantId } = caller;
  const bus = resources.use(
    await openBus({ servers: nats.url, name: 'protocol-schemas', topology: DEFAULT_TOPOLOGY }),
  );
  const run = async (job: Record<string, unknown>) => {
    const path = `/v2/tenants/${tenantId}/designs/e2e/${ACTION}/run`;
    const { status, body } = await caller.call('POST', path, { ...SMALL_DESIGN, _job: job });
    expect(status).toBe(202);
    return (body as { job_id: string }).job_id;
  };
  const jobs = [
    await run({ metadata: { order: '42' }, start_by_s: 3_600 }),
    // Still to come when it is asked for, also on a busy machine.
    await run({ start_after: new Date(Date.now() + 6_000).toISOString() }),
    await run({ start_after: new Date(Date.now() + 3_600_000).toISOString() }),
  ];
  await caller.call('POST', `/v2/tenants/${tenantId}/jobs/${jobs[2]}/cancel`, {});
  for (const job of jobs) await waitUntil(async () => (await caller.status(job)).finished_at !== null);

  const validators = new Map(
    Object.entries(protocolSchemas('draft-2020-12')).map(([name, schema]) => [name, compileSchema(schema)]),
  );
  const types = new Set<string>();
  for (const jobId of jobs) {
    const ref = { tenantId, action: ACTION, jobId };
    let version = 0;
    for (const { event, headers, version: own } of await eventsOfJob(bus, { ref, first: 1 })) {
      expect(validators.get(event?.type ?? '')?.(event, 0)).toEqual([]);
      expect(validators.get('Envelope')?.(event, 0)).toEqual([]);
      expect(headers.get(HEADERS.guardSequence)).toBe(String(version));
      expect(headers.get(HEADERS.guardSubject)).toBe(jobSubjects(ref));
      version = own;
      types.add(event?.type ?? '');
    }
  }
  expect([...types].sort()).toEqual([
    'JobCanceled',
    'JobDue',
    'JobProgressed',
    'JobRequested',
    'JobStarted',
    'JobSucceeded',
  ]);
});
