import { ActionName, ENDED_STATUSES, type EndedStatus, Instant, JobId } from '@errand/contracts';
import { z } from 'zod';
import { named } from '../openapi/schemas.ts';
import { percentilesOf } from './percentiles.ts';
import { STEP_MS, type StatsQuery } from './stats-query.ts';
import type { StepCount, StoredStats } from './stats-rows.ts';

const Percentiles = named(
  'DurationPercentiles',
  z
    .object({ p50: z.int(), p95: z.int(), p99: z.int() })
    .meta({ description: 'In milliseconds, each off by less than half of the true one.' }),
);

const Counts = z.object({
  requested: z.int(),
  succeeded: z.int(),
  failed: z.int(),
  canceled: z.int(),
  expired: z.int(),
  queue_wait_ms: Percentiles.nullable().meta({
    description: 'Of jobs whose first attempt began then: how long it had waited. Null if none did.',
  }),
  run_ms: Percentiles.nullable().meta({
    description: 'Of jobs that ended then: the time since their first attempt began. Null if none had begun.',
  }),
});

const Open = z.object({ queued: z.int(), running: z.int() });

export const JobStats = named(
  'JobStats',
  z.object({
    from: Instant.meta({ description: 'The beginning of the first step.' }),
    to: Instant.meta({ description: 'The end of the last step.' }),
    step: z.enum(['minute', 'hour']),
    now: Open.extend({
      oldest_queued_at: Instant.nullable().meta({ description: 'When the oldest queued job was requested.' }),
      by_action: z.array(z.object({ action: ActionName, ...Open.shape })),
    }),
    series: z.array(z.object({ at: Instant, ...Counts.shape })),
    totals: Counts,
    errors: z
      .array(
        z.object({
          action: ActionName,
          code: z.string(),
          detail: z.string().nullable().meta({ description: 'What the error of the sample says.' }),
          count: z.int(),
          first_seen: Instant,
          last_seen: Instant,
          sample_job_id: JobId,
        }),
      )
      .meta({
        description: 'The 50 most frequent. The times are of the last 7 days, the rest of the range.',
      }),
  }),
);
type JobStats = z.infer<typeof JobStats>;

/** What is told of what is stored: each step of the range, also where nothing happened. */
export function statsView({ step, fromMs, toMs }: StatsQuery, stored: StoredStats): JobStats {
  const byStep = Map.groupBy(stored.counts, ({ at }) => at.getTime());
  const steps = Array.from(
    { length: (toMs - fromMs) / STEP_MS[step] },
    (_, index) => fromMs + index * STEP_MS[step],
  );
  return {
    from: iso(fromMs),
    to: iso(toMs),
    step,
    now: nowView(stored),
    series: steps.map((atMs) => ({ at: iso(atMs), ...countsOf(byStep.get(atMs) ?? []) })),
    totals: countsOf(stored.counts),
    errors: stored.failures.map((each) => ({
      action: each.action,
      code: each.code,
      detail: each.message,
      count: each.jobs,
      first_seen: each.firstSeen.toISOString(),
      last_seen: each.lastSeen.toISOString(),
      sample_job_id: each.sampleJobId,
    })),
  };
}

function nowView({ open }: StoredStats): JobStats['now'] {
  const count = (status: string, those = open) =>
    those.reduce((sum, each) => sum + (each.status === status ? each.jobs : 0), 0);
  const oldest = open.flatMap((each) => each.oldest ?? []).sort((a, b) => a.getTime() - b.getTime());
  return {
    queued: count('queued'),
    running: count('running'),
    oldest_queued_at: oldest[0]?.toISOString() ?? null,
    by_action: [...Map.groupBy(open, ({ action }) => action)].map(([action, those]) => ({
      action,
      queued: count('queued', those),
      running: count('running', those),
    })),
  };
}

function countsOf(counts: readonly StepCount[]): z.infer<typeof Counts> {
  const sums = { requested: 0, succeeded: 0, failed: 0, canceled: 0, expired: 0 };
  const waits = new Map<number, number>();
  const runs = new Map<number, number>();
  for (const { fact, bin, jobs } of counts) {
    if (fact !== 'started') sums[fact] += jobs;
    const bins = fact === 'started' ? waits : isEnding(fact) && bin >= 0 ? runs : undefined;
    bins?.set(bin, (bins.get(bin) ?? 0) + jobs);
  }
  return { ...sums, queue_wait_ms: percentilesOf(waits), run_ms: percentilesOf(runs) };
}

function isEnding(fact: string): fact is EndedStatus {
  return ENDED_STATUSES.some((status) => status === fact);
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
