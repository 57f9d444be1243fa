import { randomUUIDv7 } from 'node:crypto';
import { DEFAULT_TOPOLOGY, type JobFact, type JobRef, toJobEvent } from '@errand/contracts';
import { type Bus, openBus } from '../src/bus.ts';

/* Test-only: a bus, and events to put on it. */

export const TOPOLOGY = { ...DEFAULT_TOPOLOGY, jobsMaxBytes: 100_000_000 };

/** As patient as a service: on a busy machine half a second passes quickly. */
export function openTestBus(servers: string, ackTimeoutMs = 2_000): Promise<Bus> {
  return openBus({ servers, name: 'test', topology: TOPOLOGY, ackTimeoutMs });
}

export function newJob(action = 'add'): JobRef {
  return { tenantId: 'acme', action, jobId: randomUUIDv7() };
}

export function eventOf(ref: JobRef, fact: JobFact) {
  return toJobEvent(fact, {
    id: randomUUIDv7(),
    jobId: ref.jobId,
    source: '/errand/test',
    timeMs: Date.now(),
  });
}

export function requested(ref: JobRef) {
  return eventOf(ref, {
    type: 'JobRequested',
    data: {
      tenant_id: ref.tenantId,
      action: ref.action,
      action_version: '1',
      contract_id: 'c1',
      resource: {},
      input: {},
      metadata: {},
      source: 'api',
      requested_by: 'test',
      finish_by: new Date(Date.now() + 86_400_000).toISOString(),
    },
  });
}

export function started(ref: JobRef, attempt = 1) {
  return eventOf(ref, { type: 'JobStarted', data: { attempt, executor_id: 'test' } });
}
