import { randomUUIDv7 } from 'node:crypto';
import type { Bus } from '@errand/bus';
import { type ActionRecord, executorConsumerName, JOBS_STREAM, toJobEvent } from '@errand/contracts';
import { dueOf } from '@errand/domain';
import type { OpenJob, OpenJobs } from './open-jobs.ts';

export interface LostDeps {
  readonly bus: { readonly jobs: Pick<Bus['jobs'], 'append' | 'reach'> } & {
    readonly consumers: Pick<Bus['consumers'], 'standingOf'>;
  };
  readonly open: Pick<OpenJobs, 'forExecutors'>;
  readonly actionOf: (name: string) => ActionRecord | undefined;
  /** Whether all up to a version is known, now or in a moment. */
  readonly hasRead: (version: number) => Promise<boolean>;
  /** Unix milliseconds by the clock of the log's server. */
  readonly now: () => number;
  /** How long a job is for the executors before it is looked at, in milliseconds. */
  readonly lostAfterMs?: number | undefined;
}

const LOST_AFTER_MS = 30_000;
const MOST_AT_ONCE = 1_000;

/**
 * Has executors run the jobs that were lost on their way to them: whose event the consumer counts as settled, and nothing has
 * followed from it. An executor settles an event only once what follows is stored, so this takes a fault, of an executor or
 * of NATS, as when a consumer's leader dies that has told nobody what it had sent. Returns these jobs.
 * @throws LogUnavailable
 */
export async function bringBackLost(deps: LostDeps): Promise<OpenJob[]> {
  const { bus, open, hasRead, now, lostAfterMs = LOST_AFTER_MS } = deps;
  const sinceMs = now() - lostAfterMs;
  const settled = new Map<string, number>();
  for (const job of waitingSince(open, sinceMs)) {
    if (!settled.has(contractKey(job))) settled.set(contractKey(job), await settledUpTo(job, deps));
  }
  if (settled.size === 0) return [];
  // What had followed by then is known from here on.
  const { lastVersion } = await bus.jobs.reach();
  if (!(await hasRead(lastVersion))) return [];
  const lost: OpenJob[] = [];
  for (const job of waitingSince(open, sinceMs)) {
    if (job.version <= (settled.get(contractKey(job)) ?? 0)) lost.push(job);
    if (lost.length === MOST_AT_ONCE) break;
  }
  const broughtBack: OpenJob[] = [];
  for (const job of lost) {
    const { ref, contractId, version, reason } = job;
    const about = { jobId: ref.jobId, source: '/errand/scheduler', timeMs: now() } as const;
    const event = toJobEvent(dueOf(reason, contractId), { ...about, id: randomUUIDv7() });
    const outcome = await bus.jobs.append({ ref, event, expectedVersion: version });
    if (outcome.kind === 'appended') broughtBack.push(job);
  }
  return broughtBack;
}

/** Those that came to the executors first come first, so the first one that is too young ends it. */
function* waitingSince({ forExecutors }: LostDeps['open'], sinceMs: number): Generator<OpenJob> {
  for (const job of forExecutors()) {
    if (job.readyMs > sinceMs) return;
    yield job;
  }
}

const contractKey = ({ ref, contractId }: OpenJob) => `${ref.action}.${contractId}`;

/** The version up to which the consumer of the job's contract counts everything as settled. */
async function settledUpTo({ ref, contractId }: OpenJob, { bus, actionOf }: LostDeps): Promise<number> {
  const served = actionOf(ref.action)?.contracts.find(({ contract }) => contract.contract_id === contractId);
  if (!served) return 0;
  const name = executorConsumerName(ref.action, served.slot);
  const standing = await bus.consumers.standingOf({ stream: JOBS_STREAM, name });
  return standing?.ackFloor ?? 0;
}
