import { EventTooLarge, HistoryOutOfReach, LogUnavailable } from '@errand/bus';
import { type InputError, type Schedule, type ScheduleTick, uuidV7Floor } from '@errand/contracts';
import { isEnded } from '@errand/domain';
import { ANY_PLACE } from '../../actions/find-action.ts';
import { isPassing, problemDetail, Refusal } from '../../http/problem.ts';
import { findJob } from '../../jobs/find-job.ts';
import { requestCancel } from '../../jobs/request-cancel.ts';
import { derivedJobId } from '../../runs/derived-id.ts';
import { requestOrder } from '../../runs/request-order.ts';
import { findAccepted } from '../../runs/run-answers.ts';
import type { RunDeps } from '../../runs/runs-group.ts';
import { type OrderDeps, orderOf } from '../schedule-order.ts';

export interface TickDeps extends OrderDeps {
  /** What the handlers of runs take. */
  readonly runs: RunDeps;
  readonly now: () => number;
}

interface Tick {
  readonly schedule: Schedule;
  /** When it is due, in Unix milliseconds. */
  readonly atMs: number;
  /** The job of the tick before. */
  readonly lastJobId: string | null;
  /** Whether another process, or an attempt without an answer, may have requested its job. */
  readonly mayBeDone: boolean;
  /** Whether what passes by itself is waited for no more. */
  readonly isLast: boolean;
  /** Whether its job, if there is one, may be out of reach in the audit log. Then nobody knows, and none is requested. */
  readonly mayBeOutOfReach: boolean;
}

/**
 * The id of a tick's job. It follows from the schedule and the instant, so whoever requests it again comes upon the very same
 * one.
 */
export function tickJobId({ schedule_id }: Pick<Schedule, 'schedule_id'>, atMs: number): string {
  return derivedJobId(uuidV7Floor(atMs), `${schedule_id} ${atMs}`);
}

/** The job of a tick, if it was requested. @throws LogUnavailable */
export async function findTickJob(
  { runs }: Pick<TickDeps, 'runs'>,
  schedule: Schedule,
  atMs: number,
): Promise<ScheduleTick | undefined> {
  const at = new Date(atMs).toISOString();
  const jobId = tickJobId(schedule, atMs);
  const job = { tenantId: schedule.tenant_id, action: undefined, jobId };
  return (await findAccepted(runs.jobs, job, { created_at: at })) ? requested(at, jobId) : undefined;
}

/**
 * Requests the job of a tick, or says why not.
 * @throws Refusal for what passes by itself; LogUnavailable
 */
export async function requestTick(deps: TickDeps, tick: Tick): Promise<ScheduleTick> {
  const { schedule, atMs, lastJobId, mayBeDone } = tick;
  const { tenant_id: tenantId, created_by: name, actor } = schedule;
  const at = new Date(atMs).toISOString();
  const jobId = tickJobId(schedule, atMs);
  try {
    // Once a job has left the log, a guard of 0 would pass again.
    const found = mayBeDone && (await findTickJob(deps, schedule, atMs));
    if (found) return found;
    const mayOverlap = schedule.overlap === 'queue';
    const before =
      lastJobId && !mayOverlap && !(await hasEnded(deps, tenantId, lastJobId)) ? lastJobId : null;
    if (before && schedule.overlap === 'skip') return { ...requested(at, null), outcome: 'skipped' };
    const nowMs = deps.now();
    const asked = await orderOf(schedule, deps, nowMs);
    if (asked.kind === 'unknown_action') throw new Refusal('unknown_action');
    if (asked.kind === 'invalid') throw new Refusal('invalid_input', { errors: asked.errors });
    // Nothing takes its place where there is nothing to ask for.
    if (before) await cancel(deps, schedule, before);
    await requestOrder({ env: {} }, deps.runs, {
      order: { ...asked.order, schedule: { schedule_id: schedule.schedule_id, at } },
      jobId,
      caller: { name, tenantId, actor },
      bytes: asked.inputBytes,
      nowMs,
      traceparent: undefined,
    });
    // A conflict says that it is there.
    return requested(at, jobId);
  } catch (error) {
    if (tick.mayBeOutOfReach && isOutOfReach(error)) {
      return refused(at, 'history_out_of_reach', problemDetail('history_out_of_reach'));
    }
    if (error instanceof EventTooLarge)
      return refused(at, 'too_large', 'The request is too large for an event.');
    if (!(error instanceof Refusal) || (isPassing(error.code) && !tick.isLast)) throw error;
    const [first] = error.options.errors ?? [];
    const detail = first ? sentenceOf(first) : (error.options.detail ?? problemDetail(error.code));
    return refused(at, error.code, detail);
  }
}

function isOutOfReach(error: unknown): boolean {
  return error instanceof LogUnavailable && error.cause instanceof HistoryOutOfReach;
}

function requested(at: string, jobId: string | null): ScheduleTick {
  return { at, outcome: 'requested', job_id: jobId, code: null, detail: null };
}

function refused(at: string, code: string, detail: string): ScheduleTick {
  return { at, outcome: 'refused', job_id: null, code, detail: detail.slice(0, 500) };
}

function sentenceOf({ pointer = '', detail }: InputError): string {
  return `${pointer} ${detail}`.trim();
}

/** Also of a job that is no longer known. */
async function hasEnded({ runs }: TickDeps, tenantId: string, jobId: string): Promise<boolean> {
  try {
    const { phase } = await findJob(runs.jobs, { tenantId, jobId, action: undefined, minVersion: 0 });
    return isEnded(phase.value.status);
  } catch (error) {
    if (error instanceof Refusal && error.code === 'unknown_job') return true;
    throw error;
  }
}

async function cancel({ runs }: TickDeps, schedule: Schedule, jobId: string): Promise<void> {
  const { tenant_id: tenantId, created_by: by } = schedule;
  const reason = 'the next tick of its schedule';
  try {
    await requestCancel(runs.jobs, { tenantId, jobId, place: ANY_PLACE, by, reason });
  } catch (error) {
    if (!(error instanceof Refusal && error.code === 'already_ended')) throw error;
  }
}
