import { randomUUIDv7 } from 'node:crypto';
import { type Bus, LogUnavailable } from '@errand/bus';
import { type JobEvent, type JobFact, type JobRef, toJobEvent } from '@errand/contracts';

/** A job in the log that has begun; one append ends it. */
export interface OpenJob {
  readonly ref: JobRef;
  readonly version: number;
}

const LIFE_MS = 3_600_000;
const STARTED: JobFact = { type: 'JobStarted', data: { attempt: 1, executor_id: 'driver' } };
const SUCCEEDED: JobFact = { type: 'JobSucceeded', data: { attempt: 1, result: {}, duration_ms: 5 } };

/** Writes the request and the start of one job for each tenant in the list; a tenant may occur several times. */
export async function openJobs(bus: Bus, tenantIds: readonly string[]): Promise<OpenJob[]> {
  const refs = tenantIds.map((tenantId): JobRef => ({ tenantId, action: 'render', jobId: randomUUIDv7() }));
  const requested = await appendAll(
    bus,
    refs.map((ref) => ({ ref, version: 0 })),
    ({ tenantId }) => requestOf(tenantId),
  );
  return appendAll(bus, requested, () => STARTED);
}

/** Ends jobs, many at once; resolves with the ids of their endings. */
export async function endJobs(bus: Bus, jobs: readonly OpenJob[]): Promise<string[]> {
  const eventIds: string[] = [];
  await appendAll(bus, jobs, () => SUCCEEDED, eventIds);
  return eventIds;
}

/** Ends one job, however long the log is away. `storedMs` is when the log acknowledged it, by `monotonicMs`. */
export async function endJob(bus: Bus, job: OpenJob): Promise<{ eventId: string; storedMs: number }> {
  const event = eventOf(job.ref, SUCCEEDED);
  for (;;) {
    try {
      const outcome = await bus.jobs.append({ ref: job.ref, event, expectedVersion: job.version });
      if (outcome.kind !== 'appended') throw new Error('a job was ended by somebody else');
      return { eventId: event.id, storedMs: monotonicMs() };
    } catch (error) {
      // It may or may not be stored: the same event again settles that.
      if (!(error instanceof LogUnavailable)) throw error;
    }
  }
}

/** Milliseconds of a clock that all processes of this machine share. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

async function appendAll(
  bus: Bus,
  jobs: readonly OpenJob[],
  factOf: (ref: JobRef) => JobFact,
  eventIds: string[] = [],
): Promise<OpenJob[]> {
  const requests = jobs.map(({ ref, version }) => {
    const event = eventOf(ref, factOf(ref));
    eventIds.push(event.id);
    return { ref, event, expectedVersion: version };
  });
  const outcomes = await bus.jobs.appendBatch(requests);
  return jobs.map(({ ref }, index) => {
    const outcome = outcomes[index];
    if (outcome?.kind !== 'appended') throw new Error('an event was not appended');
    return { ref, version: outcome.version };
  });
}

function eventOf(ref: JobRef, fact: JobFact): JobEvent {
  return toJobEvent(fact, {
    id: randomUUIDv7(),
    jobId: ref.jobId,
    source: '/errand/driver',
    timeMs: Date.now(),
  });
}

function requestOf(tenantId: string): JobFact {
  const data = {
    tenant_id: tenantId,
    action: 'render',
    action_version: '1',
    resource: { design_id: 'd-1' },
    input: {},
    metadata: { order: '7' },
    source: 'api' as const,
    requested_by: 'driver',
    finish_by: new Date(Date.now() + LIFE_MS).toISOString(),
  };
  return { type: 'JobRequested', data };
}
