import type { Schedule, SchedulePreview } from '@errand/client';
import { facts, jsonLine, pairs, table } from './text.ts';
import { local, spanOf, whenIs } from './times.ts';

/** A schedule for people, one line for each known fact. */
export function scheduleText(schedule: Schedule, nowMs: number): string {
  const { last_tick: last, job } = schedule;
  return facts({
    schedule: schedule.schedule_id,
    name: schedule.external_id,
    description: schedule.description,
    action: schedule.action,
    resource: pairs(schedule.resource),
    input: jsonLine(schedule.input),
    job: Object.keys(job).length === 0 ? undefined : jsonLine(job),
    ticks: timingText(schedule),
    from: whenIs(schedule.starts_at, nowMs),
    until: whenIs(schedule.ends_at, nowMs),
    next: schedule.paused ? 'paused' : whenIs(schedule.next_at, nowMs),
    'last tick': last && `${whenIs(last.at, nowMs)}: ${last.outcome} ${last.code ?? last.job_id ?? ''}`,
    why: last?.detail,
    overlap: schedule.overlap,
    'catch up': schedule.catch_up,
    spread: schedule.spread_s === 0 ? undefined : spanOf(schedule.spread_s * 1_000),
    counts: pairs(schedule.counts),
    created: `${whenIs(schedule.created_at, nowMs)} by ${schedule.created_by}`,
  });
}

export function timingText({ cron, every_s, time_zone }: Schedule): string {
  return cron === null ? `every ${spanOf((every_s ?? 0) * 1_000)}` : `${cron} (${time_zone})`;
}

/** Times are those of this process's time zone. */
export function previewText({ ticks, clock_changes }: SchedulePreview): string {
  const next = ['next ticks', ...ticks.map((at) => `  ${local(at)}`)];
  if (clock_changes.length === 0) return next.join('\n');
  const rows = clock_changes.map((change) => [
    local(change.at),
    `${signed(change.minutes_ahead_before)} to ${signed(change.minutes_ahead_after)}`,
    change.ticks.map(local).join(', '),
  ]);
  return `${next.join('\n')}\n\n${table(['CLOCK CHANGE', 'AHEAD OF UTC', 'TICKS OF THE DAY'], rows)}`;
}

const signed = (minutes: number) => `${minutes < 0 ? '' : '+'}${minutes} min`;
