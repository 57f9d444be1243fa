import type { TickOutcome } from '@errand/contracts';
import { Counter, Histogram, type Ops } from '@errand/runtime';

const BUCKETS_S = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 600];

/** Counts ticks by what became of them, and how late their jobs were asked for. */
export function measureTicks(metrics: Ops['metrics']): (outcome: TickOutcome, lateMs: number) => void {
  const registers = [metrics];
  const ticks = new Counter({
    name: 'errand_schedule_ticks_total',
    help: 'Ticks of schedules by what became of them; missed ones were not made up for',
    labelNames: ['outcome'],
    registers,
  });
  const late = new Histogram({
    name: 'errand_schedule_tick_late_seconds',
    help: 'How long after its tick the job of a schedule was asked for',
    buckets: BUCKETS_S,
    registers,
  });
  return (outcome, lateMs) => {
    ticks.inc({ outcome });
    if (outcome === 'requested') late.observe(lateMs / 1_000);
  };
}
