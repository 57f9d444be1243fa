import { randomUUIDv7 } from 'node:crypto';
import type { Bus } from '@errand/bus';
import { type ActionRecord, executorConsumerName, JOBS_STREAM, toJobEvent } from '@errand/contracts';
import { dueOf } from '@errand/domain';
import type { OpenJob, OpenJobs } from './open-jobs.ts';

export interface LostDeps {
  readonly bus: { readonly jobs: Pick<Bus['jobs'], 'append' | 'reach'> } & {
    readonly consumers: Pick<Bus['consumers'], 'standingOf'>;
  };
  readonly open: Pick<OpenJobs, 'forExecutors' | 'get'>;
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
  const old = [...open.forExecutors()]
    .filter(({ readyMs }) => readyMs <= now() - lostAfterMs)
    .slice(0, MOST_AT_ONCE);
  if (old.length === 0) return [];
  const settled = await settledOf(old, deps);
  // What had followed by then is known from here on.
  const { lastVersion } = await bus.jobs.reach();
  if (!(await hasRead(lastVersion))) return [];
  const lost = old.filter((job) => {
    return open.get(job.ref.jobId) === job && job.version <= (settled.get(contractKey(job)) ?? 0);
  });
  const broughtBack: OpenJob[] = [];
  for (const job of lost) {
    const { ref, contractId, version } = job;
    const about = { jobId: ref.jobId, source: '/errand/scheduler', timeMs: now() } as const;
    const event = toJobEvent(dueOf('turn', contractId), { ...about, id: randomUUIDv7() });
    const outcome = await bus.jobs.append({ ref, event, expectedVersion: version });
    if (outcome.kind === 'appended') broughtBack.push(job);
  }
  return broughtBack;
}

const contractKey = ({ ref, contractId }: OpenJob) => `${ref.action}.${contractId}`;

/** By contract: the version up to which its consumer counts everything as settled. */
async function settledOf(
  jobs: readonly OpenJob[],
  { bus, actionOf }: LostDeps,
): Promise<Map<string, number>> {
  const settled = new Map<string, number>();
  for (const job of jobs) {
    const { ref, contractId } = job;
    if (settled.has(contractKey(job))) continue;
    const served = actionOf(ref.action)?.contracts.find(
      ({ contract }) => contract.contract_id === contractId,
    );
    const name = served && executorConsumerName(ref.action, served.slot);
    const standing =
      name === undefined ? undefined : await bus.consumers.standingOf({ stream: JOBS_STREAM, name });
    settled.set(contractKey(job), standing?.ackFloor ?? 0);
  }
  return settled;
}
