import { randomUUIDv7 } from 'node:crypto';
import { type Bus, openBus } from '@errand/bus';
import {
  ActionRecord,
  BUCKETS,
  DEFAULT_TOPOLOGY,
  type JobFact,
  type JobRef,
  toJobEvent,
} from '@errand/contracts';
import { recordOf } from '@errand/domain/testing';
import { noop } from '../actions/noop-action.ts';

const TENANT_ID = 'bench';
const LIFE_MS = 3_600_000;
/** Jobs that are being ended at the same time. */
const LANES = 128;

/** Jobs of an action that nobody runs. */
export interface QueuedJobs extends AsyncDisposable {
  readonly jobIds: readonly string[];
  /**
   * Writes a start and a success to each job, as fast as the log accepts them. Resolves to the moment at which each
   * success was acknowledged, in monotonic milliseconds (see `monotonicMs`), by job id.
   */
  endAll(): Promise<Map<string, number>>;
}

/** Announces the action and appends the requests of `count` jobs of the tenant `bench`. */
export async function queueJobs(natsUrl: string, count: number): Promise<QueuedJobs> {
  const topology = DEFAULT_TOPOLOGY;
  const bus = await openBus({ servers: natsUrl, name: 'bench', topology });
  const bucket = await bus.buckets.open(BUCKETS.actions, ActionRecord);
  await bucket.put(noop.contract.name, recordOf(noop.contract));
  const jobs = Array.from({ length: count }, () => newJob());
  const outcomes = await bus.jobs.appendBatch(
    jobs.map((ref) => ({ ref, event: requestOf(ref), expectedVersion: 0 })),
  );
  const queued = jobs.map((ref, index) => {
    const outcome = outcomes[index];
    if (outcome?.kind !== 'appended') throw new Error('a job could not be queued');
    return { ref, version: outcome.version };
  });
  return {
    jobIds: jobs.map(({ jobId }) => jobId),
    async endAll() {
      const waiting = queued.values();
      const endedAtMs = new Map<string, number>();
      const lanes = Array.from({ length: LANES }, async () => {
        for (const { ref, version } of waiting) {
          const started = await append(bus, ref, version, STARTED);
          await append(bus, ref, started, SUCCEEDED);
          endedAtMs.set(ref.jobId, monotonicMs());
        }
      });
      await Promise.all(lanes);
      return endedAtMs;
    },
    [Symbol.asyncDispose]: () => bus[Symbol.asyncDispose](),
  };
}

/** Milliseconds of a clock that all processes of this machine share. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

const STARTED: JobFact = { type: 'JobStarted', data: { attempt: 1, executor_id: 'bench' } };
const SUCCEEDED: JobFact = { type: 'JobSucceeded', data: { attempt: 1, result: {}, duration_ms: 0 } };

function newJob(): JobRef {
  return { tenantId: TENANT_ID, action: noop.contract.name, jobId: randomUUIDv7() };
}

function eventOf(ref: JobRef, fact: JobFact) {
  const timeMs = Date.now();
  return toJobEvent(fact, { id: randomUUIDv7(), jobId: ref.jobId, source: '/errand/bench', timeMs });
}

function requestOf(ref: JobRef) {
  const { name: action, version } = noop.contract;
  const data = {
    tenant_id: TENANT_ID,
    action,
    action_version: version,
    contract_id: noop.contract.contract_id,
    resource: {},
    input: {},
    metadata: {},
    source: 'api' as const,
    requested_by: 'bench',
    finish_by: new Date(Date.now() + LIFE_MS).toISOString(),
  };
  return eventOf(ref, { type: 'JobRequested', data });
}

async function append(bus: Bus, ref: JobRef, expectedVersion: number, fact: JobFact): Promise<number> {
  const outcome = await bus.jobs.append({ ref, event: eventOf(ref, fact), expectedVersion });
  if (outcome.kind !== 'appended') throw new Error(`${fact.type} was not appended`);
  return outcome.version;
}
