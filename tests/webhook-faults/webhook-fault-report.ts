import type { WebhookEndpoint } from '@errand/contracts';
import { percentile, round } from '../../bench/harness/percentile.ts';
import type { DeliveryCheck, Pair } from './delivery-check.ts';
import type { Ending } from './ending-load.ts';
import { PROCESSES, RESULT_BATCH, SLOTS, type WebhookFaultForm } from './fault-forms.ts';

/** The period of one kind of fault; it lasts until the next one, the last one to the end of the run. */
export interface Phase {
  readonly name: string;
  /** By `monotonicMs`. */
  readonly fromMs: number;
  faults: number;
}

/** One request that an endpoint got. */
export interface Received {
  readonly pair: Pair;
  readonly atMs: number;
}

export interface WebhookFaultReport {
  readonly form: string;
  readonly seed: number;
  readonly events: number;
  readonly deliveries: number;
  /** By the kind of fault in progress. Latencies are from the log's acknowledgement to the first request. */
  readonly phases: readonly PhaseFigures[];
  readonly duplicates: { readonly total: number; readonly bound: number; readonly per_kill: number };
  readonly settled_s: number;
  readonly errors: Readonly<Record<string, number>>;
  /** Broken promises, by kind. */
  readonly violations: Readonly<Record<string, number>>;
  readonly first_violations: readonly string[];
}

interface PhaseFigures {
  readonly name: string;
  readonly faults: number;
  readonly first_requests: number;
  readonly duplicates: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly max_ms: number;
}

const NAMED = 10;

export function reportOf(run: {
  form: WebhookFaultForm;
  seed: number;
  phases: readonly Phase[];
  check: DeliveryCheck;
  received: readonly Received[];
  endings: readonly Ending[];
  endpoints: readonly WebhookEndpoint[];
  /** What was left to do when the time was up. */
  left: string | undefined;
  settledMs: number;
  falls: readonly string[];
  errors: readonly string[];
}): WebhookFaultReport {
  const { form, seed, phases, check, received, endings, endpoints } = run;
  const kills = phases.find(({ name }) => name === 'kills')?.faults ?? 0;
  const figures = figuresOf(phases, received, endings);
  const total = [...check.duplicates.values()].reduce((sum, count) => sum + count, 0);
  const bound = duplicatesBound(kills);
  const violations = check.violations.map(({ kind, detail }) => ({ kind: kind as string, detail }));
  if (run.left !== undefined) violations.push({ kind: 'not_settled', detail: run.left });
  for (const detail of run.falls) violations.push({ kind: 'fell', detail });
  if (total > bound) violations.push({ kind: 'too_many_duplicates', detail: `${total}, more than ${bound}` });
  const ofTenant = Map.groupBy(endpoints, ({ tenant_id }) => tenant_id);
  const deliveries = endings.reduce((sum, { tenantId }) => sum + (ofTenant.get(tenantId)?.length ?? 0), 0);
  const inKills = figures.find(({ name }) => name === 'kills')?.duplicates ?? 0;
  return {
    form: form.name,
    seed,
    events: endings.length,
    deliveries,
    phases: figures,
    duplicates: { total, bound, per_kill: round(inKills / Math.max(1, kills), 1) },
    settled_s: round(run.settledMs / 1_000, 1),
    errors: countsOf(run.errors),
    violations: countsOf(violations.map(({ kind }) => kind)),
    first_violations: violations.slice(0, NAMED).map(({ kind, detail }) => `${kind}: ${detail}`),
  };
}

/**
 * A dying process may cause its attempts under way, and results that it had not stored, to be sent again; if Postgres
 * is away for longer than a lease, so may the attempts under way in all processes.
 */
function duplicatesBound(kills: number): number {
  return kills * (SLOTS + RESULT_BATCH) + PROCESSES * SLOTS;
}

/** Requests by the phase in which they arrived. */
function figuresOf(
  phases: readonly Phase[],
  received: readonly Received[],
  endings: readonly Ending[],
): PhaseFigures[] {
  const storedAtMs = new Map(endings.map(({ eventId, storedMs }) => [eventId, storedMs]));
  const seen = new Set<Pair>();
  const sums = phases.map(() => ({ latencies: [] as number[], duplicates: 0 }));
  for (const { pair, atMs } of received) {
    const sum = sums[phases.findLastIndex(({ fromMs }) => fromMs <= atMs)];
    if (seen.has(pair)) {
      if (sum) sum.duplicates += 1;
      continue;
    }
    seen.add(pair);
    const [eventId = ''] = pair.split(' ');
    // The request may arrive before the acknowledgement.
    sum?.latencies.push(Math.max(0, atMs - (storedAtMs.get(eventId) ?? atMs)));
  }
  return phases.map(({ name, faults }, index) => {
    const { latencies = [], duplicates = 0 } = sums[index] ?? {};
    const at = (share: number) => Math.round(percentile(latencies, share));
    return {
      name,
      faults,
      first_requests: latencies.length,
      duplicates,
      p50_ms: at(0.5),
      p99_ms: at(0.99),
      max_ms: at(1),
    };
  });
}

function countsOf(words: readonly string[]): Record<string, number> {
  return Object.fromEntries(
    [...Map.groupBy(words, (word) => word)].map(([word, { length }]) => [word, length]),
  );
}

/** The report for people. */
export function tableOf(report: WebhookFaultReport): string {
  const heads = ['faults', 'requests', 'repeated', 'p50 ms', 'p99 ms', 'max ms'];
  const rows = report.phases.map((phase) => {
    const cells = [
      phase.faults,
      phase.first_requests,
      phase.duplicates,
      phase.p50_ms,
      phase.p99_ms,
      phase.max_ms,
    ];
    return `${phase.name.padEnd(18)}${cells.map((cell) => String(cell).padStart(10)).join('')}`;
  });
  const { total, bound, per_kill } = report.duplicates;
  const broken = Object.entries(report.violations).map(([kind, count]) => `${kind} ${count}`);
  return [
    `\n${''.padEnd(18)}${heads.map((head) => head.padStart(10)).join('')}`,
    ...rows,
    `\n${report.events} events, ${report.deliveries} deliveries, settled ${report.settled_s} s after the last fault`,
    `requests beyond the first: ${total}, ${per_kill} for each kill; at most ${bound} are promised`,
    broken.length === 0 ? 'every promise was kept' : `broken: ${broken.join(', ')}`,
    ...report.first_violations.map((violation) => `  ${violation}`),
    '',
  ].join('\n');
}
