import { randomUUIDv7 } from 'node:crypto';
import { type Bus, openBus } from '@errand/bus';
import {
  DEFAULT_TOPOLOGY,
  eventSubject,
  type JobEventOf,
  type JobEventType,
  type JobFact,
  type JobRef,
  type Lane,
  toJobEvent,
} from '@errand/contracts';
import { REQUEST } from '@errand/domain/testing';
import { waitUntil } from '@errand/testkit';

export const STARTED: JobFact = { type: 'JobStarted', data: { attempt: 1, executor_id: 'e' } };
export const SUCCEEDED: JobFact = { type: 'JobSucceeded', data: { attempt: 1, result: 1, duration_ms: 1 } };
export const inMs = (ms: number) => new Date(Date.now() + ms).toISOString();

export function retrying(retry_at: string): JobFact {
  return {
    type: 'JobRetrying',
    data: { attempt: 1, error: { code: 'action_failed', message: 'm' }, retry_at },
  };
}

/** Jobs as others write them: gateways and executors. */
export interface TestJobs extends AsyncDisposable {
  readonly bus: Bus;
  /** Appends a job's request, of the action `add` under the contract `c1`, and what followed. */
  request(
    changes: Partial<JobEventOf<'JobRequested'>['data']>,
    then?: readonly JobFact[],
    lane?: Lane,
  ): Promise<JobRef>;
  append(ref: JobRef, expectedVersion: number, fact: JobFact, lane?: Lane): Promise<number>;
  /** The job's newest event of a type, as soon as there is one. */
  lastOf<T extends JobEventType>(ref: JobRef | undefined, type: T): Promise<JobEventOf<T>>;
  /** Of the newest events of each type, in their order. */
  typesOf(ref: JobRef | undefined): Promise<string[]>;
  subjectsOf(ref: JobRef): Promise<string[]>;
}

export async function openTestJobs(
  natsUrl: string,
  limits: { jobsMaxBytes?: number } = {},
): Promise<TestJobs> {
  const topology = { ...DEFAULT_TOPOLOGY, ...limits };
  const bus = await openBus({ servers: natsUrl, name: 'test', topology });
  const read = async (ref: JobRef | undefined) => {
    if (!ref) throw new Error('no job');
    return (await bus.jobs.read(ref)).toSorted((a, b) => a.version - b.version);
  };
  const jobs: TestJobs = {
    bus,
    async append(ref, expectedVersion, fact, lane = 'fast') {
      const about = { jobId: ref.jobId, source: '/errand/test', timeMs: Date.now() } as const;
      const event = toJobEvent(fact, { id: randomUUIDv7(), ...about });
      const outcome = await bus.jobs.append({ ref, event, expectedVersion, lane });
      if (outcome.kind !== 'appended') throw new Error(outcome.kind);
      return outcome.version;
    },
    async request(changes, then = [], lane: Lane = 'fast') {
      const ref = { tenantId: changes.tenant_id ?? 'acme', action: 'add', jobId: randomUUIDv7() };
      const data = { ...REQUEST, finish_by: inMs(3_600_000), ...changes };
      let version = 0;
      for (const fact of [{ type: 'JobRequested', data } as const, ...then])
        version = await jobs.append(ref, version, fact, lane);
      return ref;
    },
    async lastOf<T extends JobEventType>(ref: JobRef | undefined, type: T) {
      const found = await waitUntil(
        async () => (await read(ref)).find(({ event }) => event.type === type)?.event,
        { timeoutMs: 20_000, intervalMs: 20 },
      );
      return found as JobEventOf<T>;
    },
    typesOf: async (ref) => (await read(ref)).map(({ event }) => event.type),
    subjectsOf: async (ref) => (await read(ref)).map(({ event }) => eventSubject(ref, event)),
    [Symbol.asyncDispose]: () => bus[Symbol.asyncDispose](),
  };
  return jobs;
}
