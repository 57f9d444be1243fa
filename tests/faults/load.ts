import { setTimeout as sleep } from 'node:timers/promises';
import { RunAccepted } from '@errand/contracts';
import type { Client } from './client.ts';
import type { PlannedJob } from './plan-jobs.ts';

/** What callers know of a run: its jobs as they were answered, and the failures. */
export interface Ledger {
  readonly accepted: AcceptedJob[];
  /** Numbers of jobs that were never accepted. */
  readonly unaccepted: number[];
  /** Run requests, by answer. */
  readonly runs: { sent: number; accepted: number; replayed: number; refused: number; broken: number };
  /** Statuses of refused runs. */
  readonly refusals: Map<number, number>;
}

export interface AcceptedJob {
  readonly planned: PlannedJob;
  readonly jobId: string;
  /** Version of its JobRequested. */
  readonly version: number;
  /** The answers to each cancel request, in order. */
  readonly cancels: CancelAnswer[];
}

/** `status` is undefined for a request whose connection broke; `atMs` is Unix time. */
export interface CancelAnswer {
  readonly status: number | undefined;
  readonly atMs: number;
}

const LANES = 32;
const PAUSE_MS = 200;
/** A run or a cancel that is refused or broken this often is given up. */
const MAX_TRIES = 200;

/** A ledger that fills up until `done` resolves. */
export interface Load {
  readonly ledger: Ledger;
  /** Resolves when each job was accepted or given up, and each cancel answered. */
  readonly done: Promise<void>;
}

/** Asks for the planned jobs at their times, at most 32 at once, and cancels those that are to be canceled. */
export function startLoad(client: Client, plan: readonly PlannedJob[], signal: AbortSignal): Load {
  const ledger: Ledger = {
    accepted: [],
    unaccepted: [],
    runs: { sent: 0, accepted: 0, replayed: 0, refused: 0, broken: 0 },
    refusals: new Map(),
  };
  const beganMs = performance.now();
  const cancels: Promise<void>[] = [];
  const waiting = [...plan];
  const lane = async () => {
    for (let planned = waiting.shift(); planned; planned = waiting.shift()) {
      await sleep(Math.max(0, beganMs + planned.atMs - performance.now()));
      const job = signal.aborted ? undefined : await run(client, planned, { ledger, signal });
      if (!job) ledger.unaccepted.push(planned.nr);
      else if (planned.cancelAfterMs !== undefined) cancels.push(cancel(client, job, signal));
    }
  };
  const done = Promise.all(Array.from({ length: LANES }, lane)).then(async () => {
    await Promise.all(cancels);
  });
  return { ledger, done };
}

/** Asks until the job is accepted: with a key always for the same job, without one for a new job each time. */
async function run(
  client: Client,
  planned: PlannedJob,
  { ledger, signal }: { ledger: Ledger; signal: AbortSignal },
): Promise<AcceptedJob | undefined> {
  const { runs, refusals } = ledger;
  const body = { ...planned.input, _job: jobOptionsOf(planned) };
  const headers = planned.isKeyed ? { 'idempotency-key': `faults-${planned.nr}` } : {};
  for (let tries = 0; tries < MAX_TRIES && !signal.aborted; tries++) {
    runs.sent += 1;
    const path = `/v2/tenants/${client.tenantId}/${planned.action}/run`;
    const answer = await client.ask('POST', path, { body, headers });
    if (answer.kind === 'answered' && answer.status === 202) {
      runs.accepted += 1;
      if (answer.headers['idempotency-replayed'] === 'true') runs.replayed += 1;
      const { job_id: jobId, version } = RunAccepted.parse(answer.body);
      const job = { planned, jobId, version, cancels: [] };
      ledger.accepted.push(job);
      return job;
    }
    if (answer.kind === 'broken') runs.broken += 1;
    else {
      runs.refused += 1;
      refusals.set(answer.status, (refusals.get(answer.status) ?? 0) + 1);
    }
    await sleep(PAUSE_MS);
  }
  return undefined;
}

/** Made once for all tries: a key stands for one body. */
function jobOptionsOf({ nr, startAfterMs, finishByS }: PlannedJob): Record<string, unknown> {
  return {
    metadata: { nr: String(nr) },
    ...(startAfterMs === undefined ? {} : { start_after: new Date(Date.now() + startAfterMs).toISOString() }),
    ...(finishByS === undefined ? {} : { finish_by_s: finishByS }),
  };
}

/** Asks until there is a conclusive answer. */
async function cancel(client: Client, job: AcceptedJob, signal: AbortSignal): Promise<void> {
  await sleep(job.planned.cancelAfterMs ?? 0);
  const path = `/v2/tenants/${client.tenantId}/jobs/${job.jobId}/cancel`;
  for (let tries = 0; tries < MAX_TRIES && !signal.aborted; tries++) {
    const answer = await client.ask('POST', path);
    const status = answer.kind === 'answered' ? answer.status : undefined;
    job.cancels.push({ status, atMs: Date.now() });
    if (status !== undefined && status < 500) return;
    await sleep(PAUSE_MS);
  }
}
