import { randomUUIDv7 } from 'node:crypto';
import { type AppendOutcome, type AppendRequest, type Bus, LogUnavailable } from '@errand/bus';
import { type JobFact, type JobRef, toJobEvent } from '@errand/contracts';

const TENANT_ID = 'bench';
const BATCH = 1_000;
const LANES = 2;
const TRIES = 5;
const LIFE_MS = 3_600_000;

const AFTER_REQUEST: readonly JobFact[] = [
  { type: 'JobStarted', data: { attempt: 1, executor_id: 'bench' } },
  { type: 'JobProgressed', data: { attempt: 1, percent: 50, message: 'half way' } },
  { type: 'JobSucceeded', data: { attempt: 1, result: { kwh: 7_142.5, months: 12 }, duration_ms: 840 } },
];

/**
 * Writes whole jobs of an action that nobody runs, with 3 `events` each, or 4 with progress. Resolves to events a
 * second.
 */
export async function fillLog(bus: Bus, wanted: { jobs: number; events: 3 | 4 }): Promise<number> {
  const facts = AFTER_REQUEST.filter(({ type }) => wanted.events === 4 || type !== 'JobProgressed');
  const begunMs = performance.now();
  let left = wanted.jobs;
  const lanes = Array.from({ length: LANES }, async () => {
    while (left > 0) {
      const count = Math.min(BATCH, left);
      left -= count;
      await writeJobs(bus, count, facts);
    }
  });
  await Promise.all(lanes);
  return (wanted.jobs * wanted.events) / ((performance.now() - begunMs) / 1_000);
}

async function writeJobs(bus: Bus, count: number, facts: readonly JobFact[]): Promise<void> {
  let jobs = Array.from({ length: count }, () => ({ ref: newJob(), version: 0 }));
  for (const fact of [requested(), ...facts]) {
    const outcomes = await appendPatiently(
      bus,
      jobs.map(({ ref, version }) => ({ ref, event: eventOf(ref, fact), expectedVersion: version })),
    );
    jobs = jobs.map(({ ref }, index) => {
      const outcome = outcomes[index];
      if (outcome?.kind !== 'appended') throw new Error(`${fact.type} was not appended`);
      return { ref, version: outcome.version };
    });
  }
}

/** On a busy machine a batch may stay open; appending the same events again settles what became of it. */
async function appendPatiently(bus: Bus, requests: readonly AppendRequest[]): Promise<AppendOutcome[]> {
  for (let tries = 1; ; tries++) {
    try {
      return await bus.jobs.appendBatch(requests);
    } catch (error) {
      if (!(error instanceof LogUnavailable) || tries === TRIES) throw error;
    }
  }
}

function newJob(): JobRef {
  return { tenantId: TENANT_ID, action: 'noop', jobId: randomUUIDv7() };
}

function requested(): JobFact {
  return {
    type: 'JobRequested',
    data: {
      tenant_id: TENANT_ID,
      action: 'noop',
      action_version: '1',
      contract_id: 'none',
      resource: { design_id: 'd-1' },
      input: { tilt_deg: 30, azimuth_deg: 180, module: 'm-400' },
      metadata: { order: '7' },
      source: 'api',
      requested_by: 'bench',
      finish_by: new Date(Date.now() + LIFE_MS).toISOString(),
    },
  };
}

function eventOf(ref: JobRef, fact: JobFact) {
  const envelope = {
    id: randomUUIDv7(),
    jobId: ref.jobId,
    source: '/errand/bench',
    timeMs: Date.now(),
  } as const;
  return toJobEvent(fact, envelope);
}
