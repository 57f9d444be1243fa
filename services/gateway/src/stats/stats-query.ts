import { ActionName, type InputError, SUMMARY_RETENTION_DAYS } from '@errand/contracts';
import type { KeyLimits } from '../http/key-limits.ts';
import { Refusal } from '../http/problem.ts';
import { createQueryReader, readInstant } from '../http/read-query.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const RETENTION_MS = SUMMARY_RETENTION_DAYS * DAY_MS;
/** A range may reach further back by as much, so that one of seven days is not refused for what it took to get here. */
const GRACE_MS = HOUR_MS;
const MOST_MINUTES_MS = 6 * HOUR_MS;
/** The projection adds minutes up to hours after that. */
const MINUTES_KEPT_MS = DAY_MS;

export type Step = 'minute' | 'hour';
export const STEP_MS: Readonly<Record<Step, number>> = { minute: MINUTE_MS, hour: HOUR_MS };

export interface StatsQuery {
  readonly step: Step;
  /** Whole steps, Unix milliseconds; `toMs` is the end of the last one. */
  readonly fromMs: number;
  readonly toMs: number;
  /** What lies before it is not kept. */
  readonly keptSinceMs: number;
  /** Undefined for all. */
  readonly actions: readonly string[] | undefined;
}

/**
 * Reads the parameters of statistics, for the actions that a key is for.
 * @throws Refusal invalid_input, which names each wrong parameter
 */
export function readStatsQuery(parameters: URLSearchParams, nowMs: number, only: KeyLimits): StatsQuery {
  const errors: InputError[] = [];
  const read = createQueryReader(parameters, errors);
  const refuse = (parameter: string, detail: string) =>
    errors.push({ parameter, code: 'invalid_parameter', detail });
  const sentTo = read.one('to', readInstant);
  const sentFrom = read.one('from', readInstant);
  const asked = read.several('action', ActionName, 'must be action names');
  read.refuseOthers();
  const toMs = Math.min(sentTo ?? nowMs, nowMs);
  const fromMs = sentFrom ?? toMs - HOUR_MS;
  if (errors.length === 0) {
    if (fromMs < nowMs - RETENTION_MS - GRACE_MS) {
      refuse(sentFrom === undefined ? 'to' : 'from', 'must be at most 7 days ago');
    } else if (fromMs >= nowMs) refuse('from', 'must be in the past');
    else if (toMs <= fromMs) refuse('to', 'must be after `from`');
  }
  if (errors.length > 0) throw new Refusal('invalid_input', { errors });
  const isShort = toMs - fromMs <= MOST_MINUTES_MS && fromMs >= nowMs - MINUTES_KEPT_MS;
  const step = isShort ? 'minute' : 'hour';
  return {
    step,
    fromMs: Math.floor(fromMs / STEP_MS[step]) * STEP_MS[step],
    toMs: Math.ceil(toMs / STEP_MS[step]) * STEP_MS[step],
    keptSinceMs: nowMs - RETENTION_MS,
    actions: ownActions(asked, only),
  };
}

function ownActions(asked: readonly string[], { actions }: KeyLimits): readonly string[] | undefined {
  if (asked.length === 0) return actions;
  return actions ? asked.filter((each) => actions.includes(each)) : asked;
}
