import type { InputError, Schedule } from '@errand/contracts';
import { Refusal } from '../http/problem.ts';
import { type OrderDeps, orderOf } from './schedule-order.ts';
import { cronErrors, tickAfter } from './timing.ts';

export interface CheckDeps extends OrderDeps {
  /** The least of `every_s`. */
  readonly minEveryS: number;
  /** The actions that a tenant may run; undefined: all. */
  readonly actionsOf: (tenantId: string) => readonly string[] | undefined;
}

/**
 * Whether a schedule can be kept: it ticks at some time, and a run with its input would be accepted now.
 * @throws Refusal invalid_input, bad_contract, nested_too_deeply; LogUnavailable
 */
export async function assertRight(schedule: Schedule, deps: CheckDeps, nowMs: number): Promise<void> {
  const errors = [
    ...timingErrors(schedule, deps.minEveryS, nowMs),
    ...(await orderErrors(schedule, deps, nowMs)),
  ];
  if (errors.length > 0) throw new Refusal('invalid_input', { errors });
}

async function orderErrors(schedule: Schedule, deps: CheckDeps, nowMs: number): Promise<InputError[]> {
  const unknown = [{ pointer: '#/action', code: 'unknown_action', detail: 'there is no such action' }];
  const allowed = deps.actionsOf(schedule.tenant_id);
  if (allowed && !allowed.includes(schedule.action)) return unknown;
  const asked = await orderOf(schedule, deps, nowMs);
  if (asked.kind === 'unknown_action') return unknown;
  return asked.kind === 'invalid' ? asked.errors : [];
}

function timingErrors(schedule: Schedule, minEveryS: number, nowMs: number): InputError[] {
  const { cron, every_s, time_zone, starts_at, ends_at } = schedule;
  if ((cron === null) === (every_s === null)) {
    return [{ pointer: '#', code: 'one_of', detail: 'must have either cron or every_s' }];
  }
  if (every_s !== null && every_s < minEveryS) {
    return [{ pointer: '#/every_s', code: 'minimum', detail: `must be at least ${minEveryS}` }];
  }
  // Without an expression the time zone means nothing, but is kept.
  const wrong = cronErrors({ cron: cron ?? '* * * * *', time_zone });
  if (wrong.length > 0) return wrong;
  if (starts_at !== null && ends_at !== null && starts_at > ends_at) {
    return [{ pointer: '#/ends_at', code: 'minimum', detail: 'must not be before starts_at' }];
  }
  if (tickAfter(schedule, nowMs) !== undefined) return [];
  const pointer = ends_at === null ? '#/cron' : '#/ends_at';
  return [{ pointer, code: 'no_tick', detail: 'leaves no instant at which it would tick' }];
}
