import { randomUUIDv7 } from 'node:crypto';
import type { Bus } from '@errand/bus';
import { connectionOf } from '@errand/bus/testing';
import { type JobFact, type JobRef, type PayloadRef, toJobEvent } from '@errand/contracts';
import { waitUntil } from '@errand/testkit';
import { eventsOfJob, isEnding, type LoggedEvent, OWN_SOURCE, told } from './logged-events.ts';
import { RuleBroken } from './rule.ts';
import { liveContract } from './standings.ts';

export interface PlayedJob {
  readonly ref: JobRef;
  /** Version of its first event. */
  readonly first: number;
}

interface RequestOptions {
  readonly startAfter?: string;
  /** The job is carried, as after a first attempt that failed, and goes on at this time: its request is not in the log. */
  readonly carriedUntil?: string;
  readonly inputRef?: PayloadRef;
  readonly traceparent?: string;
}

/** What the test does to jobs, and what it reads about them. */
export interface Play {
  readonly jobs: readonly PlayedJob[];
  request(action: string, input: unknown, options?: RequestOptions): Promise<PlayedJob>;
  /** Appends at whatever version the job then has. Resolves to the version of the new event. */
  append(job: PlayedJob, fact: JobFact): Promise<number>;
  /** Publishes anything to a stream, and resolves to its sequence. */
  publish(subject: string, body: string): Promise<number>;
  eventsOf(job: PlayedJob): Promise<LoggedEvent[]>;
  /** @throws RuleBroken with the job's events if that does not happen in time. */
  until(
    job: PlayedJob,
    what: string,
    holds: (events: readonly LoggedEvent[]) => boolean | Promise<boolean>,
  ): Promise<LoggedEvent[]>;
  /** Waits until the job has ended. */
  ended(job: PlayedJob): Promise<LoggedEvent[]>;
}

export const TENANT = 'conformance';
const DAY_MS = 86_400_000;
/** The longest life of a job: it must end within the retention of JOBS. */
const FINISH_MS = DAY_MS;

export function createPlay(bus: Bus, patienceMs: number): Play {
  const jobs: PlayedJob[] = [];

  async function appendAt(ref: JobRef, expectedVersion: number, fact: JobFact, traceparent?: string) {
    const about = { id: randomUUIDv7(), jobId: ref.jobId, source: OWN_SOURCE, timeMs: Date.now() } as const;
    return bus.jobs.append({ ref, expectedVersion, event: toJobEvent(fact, { ...about, traceparent }) });
  }

  const play: Play = {
    jobs,
    async request(action, input, { startAfter, carriedUntil, inputRef, traceparent } = {}) {
      const ref = { tenantId: TENANT, action, jobId: randomUUIDv7() };
      const contractId = (await liveContract(bus, action)).contract.contract_id;
      const requested = requestOf(ref, { input, startAfter, inputRef, contractId });
      const fact = carriedUntil === undefined ? requested : carriedOf(requested, carriedUntil);
      const outcome = await appendAt(ref, 0, fact, traceparent);
      if (outcome.kind !== 'appended') throw new Error('a new job is in the log already');
      const job = { ref, first: outcome.version };
      jobs.push(job);
      return job;
    },
    async append(job, fact) {
      for (;;) {
        const events = await play.eventsOf(job);
        const outcome = await appendAt(job.ref, events.at(-1)?.version ?? 0, fact);
        if (outcome.kind === 'appended') return outcome.version;
      }
    },
    publish: (subject, body) => publish(bus, subject, body),
    eventsOf: (job) => eventsOfJob(bus, job),
    async until(job, what, holds) {
      let seen: LoggedEvent[] = [];
      try {
        await waitUntil(
          async () => {
            seen = await play.eventsOf(job);
            return holds(seen);
          },
          { timeoutMs: patienceMs },
        );
        return seen;
      } catch (cause) {
        throw new RuleBroken(`${what}: not within ${patienceMs} ms; the job has ${told(seen)}`, { cause });
      }
    },
    ended: (job) => play.until(job, 'an ending', (events) => events.some(isEnding)),
  };
  return play;
}

function requestOf(
  ref: JobRef,
  asked: {
    input: unknown;
    startAfter?: string | undefined;
    inputRef?: PayloadRef | undefined;
    contractId: string;
  },
): Extract<JobFact, { type: 'JobRequested' }> {
  const { input, startAfter, inputRef, contractId } = asked;
  return {
    type: 'JobRequested',
    data: {
      tenant_id: ref.tenantId,
      action: ref.action,
      action_version: '1',
      contract_id: contractId,
      resource: {},
      ...(inputRef ? { input_ref: inputRef } : { input }),
      metadata: {},
      source: 'api',
      requested_by: 'conformance',
      ...(startAfter === undefined ? {} : { start_after: startAfter }),
      finish_by: new Date(Date.now() + FINISH_MS).toISOString(),
    },
  };
}

function carriedOf({ data: request }: Extract<JobFact, { type: 'JobRequested' }>, next_at: string): JobFact {
  const requested_at = new Date().toISOString();
  return { type: 'JobCarried', data: { requested_at, request, attempt: 1, next_at, errors: [] } };
}

async function publish(bus: Bus, subject: string, body: string): Promise<number> {
  const answer = await connectionOf(bus).request(subject, body, { timeout: 2_000 });
  const { seq, error } = answer.json<{ seq?: number; error?: { description: string } }>();
  if (seq === undefined) throw new Error(`${subject} was not stored: ${error?.description}`);
  return seq;
}
