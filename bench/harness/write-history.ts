import { randomUUIDv7 } from 'node:crypto';
import type { Bus } from '@errand/bus';
import { type JobFact, type JobRef, toJobEvent, uuidV7Floor } from '@errand/contracts';

/** Jobs whose events are interleaved in the log. */
const OPEN_JOBS = 5_000;
/** The server's limit for one atomic batch. */
const BATCH = 1_000;
/** Each job is requested at some time in these last days. */
const DAYS = 3;
const DAY_MS = 86_400_000;

export interface History {
  readonly events: number;
  readonly jobs: number;
  /** Some of the jobs, in their final state. */
  readonly sample: { jobId: string; status: string; version: number }[];
}

const SAMPLE_EVERY = 100;

interface OpenJob {
  readonly index: number;
  readonly ref: JobRef;
  /** Its final status. */
  readonly status: string;
  readonly facts: JobFact[];
  timeMs: number;
  version: number;
}

/**
 * Appends at least that many events of jobs that have all ended: of every hundred jobs 85 succeed, 8 fail, 4 are
 * canceled and 3 expire; a tenth is retried, and most report progress. Uses atomic batches, with each event under its
 * job's guard.
 */
export async function writeHistory(
  bus: { readonly jobs: Pick<Bus['jobs'], 'appendBatch'> },
  wanted: { tenantId: string; action: string; events: number },
): Promise<History> {
  const open: OpenJob[] = [];
  const sample: History['sample'] = [];
  let planned = 0;
  let jobs = 0;
  let events = 0;
  for (;;) {
    while (open.length < OPEN_JOBS && planned < wanted.events) {
      const job = planJob(wanted, jobs);
      jobs++;
      planned += job.facts.length;
      open.push(job);
    }
    if (open.length === 0) return { events, jobs, sample };
    // The first jobs go to the back, so that the events of one job are far apart.
    const turn = open.splice(0, BATCH);
    const requests = turn.map((job) => ({
      ref: job.ref,
      event: nextEvent(job),
      expectedVersion: job.version,
    }));
    const outcomes = await bus.jobs.appendBatch(requests);
    for (const [index, job] of turn.entries()) {
      const outcome = outcomes[index];
      if (outcome?.kind !== 'appended') throw new Error('an event of a history was not appended');
      job.version = outcome.version;
      if (job.facts.length > 0) open.push(job);
      else if (job.index % SAMPLE_EVERY === 0) {
        sample.push({ jobId: job.ref.jobId, status: job.status, version: job.version });
      }
    }
    events += turn.length;
  }
}

function planJob({ tenantId, action }: { tenantId: string; action: string }, index: number): OpenJob {
  const timeMs = Date.now() - (((index * 7_919) % 1_000) / 1_000) * DAYS * DAY_MS - 60_000;
  const jobId = `${uuidV7Floor(timeMs).slice(0, 13)}${randomUUIDv7().slice(13)}`;
  const dice = (index * 37) % 100;
  const steps: JobFact[] = [requestOf({ tenantId, action, index }), started(1)];
  if (dice % 10 === 3) {
    const error = { code: 'busy', message: 'The supplier did not answer in time.' };
    // A scheduler must not end the wait before the history does.
    const retry_at = new Date(Date.now() + DAY_MS).toISOString();
    steps.push(
      { type: 'JobRetrying', data: { attempt: 1, error, retry_at } },
      { type: 'JobDue', data: { reason: 'retry' } },
      started(2),
    );
  }
  const attempt = dice % 10 === 3 ? 2 : 1;
  for (const percent of [25, 50, 75].slice(0, dice % 3)) {
    steps.push({ type: 'JobProgressed', data: { attempt, percent, message: `month ${percent}` } });
  }
  steps.push(...endingOf(dice, attempt, index));
  return {
    index,
    ref: { tenantId, action, jobId },
    status: statusOf(dice),
    facts: steps,
    timeMs,
    version: 0,
  };
}

function requestOf(job: { tenantId: string; action: string; index: number }): JobFact {
  const { tenantId, action, index } = job;
  return {
    type: 'JobRequested',
    data: {
      tenant_id: tenantId,
      action,
      action_version: '1',
      contract_id: 'none',
      resource: {},
      input: {
        location: { latitude: 39.74, longitude: -105.18 },
        arrays: [{ dc_kw: 6, tilt_deg: index % 45 }],
      },
      metadata: { order: String(index) },
      source: 'api',
      requested_by: 'bench',
      // Far enough ahead that nothing expires them while they are written.
      finish_by: new Date(Date.now() + DAY_MS).toISOString(),
    },
  };
}

const started = (attempt: number): JobFact => ({
  type: 'JobStarted',
  data: { attempt, executor_id: 'executor-1' },
});

function statusOf(dice: number): string {
  if (dice < 85) return 'succeeded';
  if (dice < 93) return 'failed';
  return dice >= 97 ? 'expired' : 'canceled';
}

function endingOf(dice: number, attempt: number, index: number): JobFact[] {
  if (dice < 85) {
    const months = Array.from({ length: 12 }, (_, month) => 300 + ((index * 31 + month * 17) % 400));
    const result = { annual_kwh: 7_000 + (index % 900), monthly_kwh: months, performance_ratio: 0.81 };
    return [{ type: 'JobSucceeded', data: { attempt, result, duration_ms: 1_200 + (index % 500) } }];
  }
  if (dice < 93) {
    const error = { code: 'invalid_design', message: 'The arrays overlap.', details: [] };
    return [{ type: 'JobFailed', data: { attempt, error, duration_ms: 40 } }];
  }
  if (dice >= 97) return [{ type: 'JobExpired', data: { deadline: 'finish_by' } }];
  return [
    { type: 'JobCancelRequested', data: { by: 'bench', reason: 'not wanted any more' } },
    { type: 'JobCanceled', data: { by: 'bench' } },
  ];
}

function nextEvent(job: OpenJob) {
  const fact = job.facts.shift();
  if (!fact) throw new Error('the job has no further event');
  job.timeMs += 700;
  return toJobEvent(fact, {
    id: randomUUIDv7(),
    jobId: job.ref.jobId,
    source: '/errand/bench',
    timeMs: job.timeMs,
  });
}
