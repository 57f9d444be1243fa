import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RecordedEvent } from '@errand/contracts';
import { isEnding } from '../e2e/chain-check.ts';
import type { Chaos } from './chaos.ts';
import type { Log } from './evidence.ts';
import type { FaultForm } from './forms.ts';
import type { Ledger } from './load.ts';
import type { Member } from './member.ts';
import type { Violation } from './promise-check.ts';
import type { StatusReading } from './status-reader.ts';
import { type AttemptCounts, countAttempts } from './takeovers.ts';

type Counts = Record<string, number>;

/** The outcome of a run. */
export interface FaultReport {
  readonly form: string;
  readonly seed: number;
  readonly requests: Ledger['runs'] & { refusals: Counts };
  /** Requests to cancel, by answer. */
  readonly cancels: Counts;
  /** Status calls during the run. */
  readonly statuses: { answered: number; unanswered: number };
  /** `scheduled`: those that ticks of schedules asked for. */
  readonly jobs: { accepted: number; scheduled: number; in_log: number; endings: Counts; events: number };
  /** Answers to the calls of the vendor, by status. */
  readonly callbacks: Counts;
  /** Entries of jobs' logs that were read. */
  readonly log_entries: number;
  readonly faults: { kills: Counts; pauses: Counts; nats_kills: number; restarts: Counts; falls: Counts };
  /** `fenced`: attempts that came to an end after another executor had taken over, or after their job had ended. */
  readonly attempts: AttemptCounts & { fenced: number };
  /** From the request, or its requested start, to the ending. */
  readonly end_ms: { p50: number; p99: number; max: number };
  /** From the last disturbance until every job had ended and every row matched the log, or until the run gave up. */
  readonly settled_ms: number;
  /** From then until the audit log had all. */
  readonly audited_ms: number | undefined;
  /** The course of the job that took longest. */
  readonly slowest: string;
  readonly violations: Counts;
  readonly first_violations: readonly Violation[];
}

const SHOWN = 20;

/** Computes the figures of a run. Reads the executors' output in `dir`. */
export async function reportOf(run: {
  form: FaultForm;
  seed: number;
  ledger: Ledger;
  chaos: Chaos;
  reading: StatusReading;
  members: readonly Member[];
  log: Log;
  ticks: number;
  told: number;
  calls: ReadonlyMap<string, number>;
  violations: readonly Violation[];
  settledMs: number;
  auditedMs: number | undefined;
  dir: string;
}): Promise<FaultReport> {
  const { ledger, chaos, reading, members, violations } = run;
  const events = [...run.log.values()].flat();
  const endings = events.filter(({ event }) => isEnding(event.type));
  const answers = ledger.accepted.flatMap(({ cancels }) => cancels.map(({ status }) => status ?? 'broken'));
  const ended = endedJobs(run.log);
  const at = (share: number) =>
    ended[Math.min(ended.length - 1, Math.floor(ended.length * share))]?.durationMs ?? 0;
  return {
    form: run.form.name,
    seed: run.seed,
    requests: { ...ledger.runs, refusals: Object.fromEntries(ledger.refusals) },
    cancels: countOf(answers),
    statuses: { answered: reading.answered, unanswered: reading.unanswered },
    jobs: {
      accepted: ledger.accepted.length,
      scheduled: run.ticks,
      in_log: run.log.size,
      endings: countOf(endings.map(({ event }) => event.type)),
      events: events.length,
    },
    callbacks: Object.fromEntries(run.calls),
    log_entries: run.told,
    faults: {
      kills: { ...chaos.kills },
      pauses: { ...chaos.pauses },
      nats_kills: chaos.natsKills,
      restarts: Object.fromEntries(members.map(({ name, restarts }) => [name, restarts])),
      falls: countOf(members.flatMap(({ falls }) => falls)),
    },
    attempts: {
      ...countAttempts(run.log.values(), [
        ...chaos.natsAbsences,
        ...members.flatMap(({ absences }) => absences),
      ]),
      fenced: await countFenced(run.dir, members),
    },
    end_ms: { p50: at(0.5), p99: at(0.99), max: at(1) },
    settled_ms: run.settledMs,
    audited_ms: run.auditedMs,
    slowest: courseOf(ended.at(-1)?.events ?? []),
    violations: countOf(violations.map(({ kind }) => kind)),
    first_violations: violations.slice(0, SHOWN),
  };
}

/** The report for people. */
export function tableOf(report: FaultReport): string {
  const { requests, statuses, jobs, faults, attempts, end_ms: endMs } = report;
  const rows: [string, string][] = [
    [
      'run requests',
      `${requests.sent} sent, ${requests.accepted} answered 202 (${requests.replayed} replayed)`,
    ],
    ['', `${requests.refused} refused (${listed(requests.refusals)}), ${requests.broken} broken`],
    ['cancel requests', listed(report.cancels)],
    ['status calls', `${statuses.answered} answered, ${statuses.unanswered} not`],
    [
      'jobs',
      `${jobs.accepted} accepted, ${jobs.scheduled} by schedules, ${jobs.in_log} in the log, ${jobs.events} events`,
    ],
    ['endings', listed(jobs.endings)],
    ['calls of the vendor', listed(report.callbacks)],
    ['entries of logs', String(report.log_entries)],
    ['kills', listed(faults.kills)],
    ['pauses', listed(faults.pauses)],
    ['NATS kills', String(faults.nats_kills)],
    ['restarts', listed(faults.restarts)],
    ['ended by themselves', listed(faults.falls)],
    ['takeovers', `${attempts.takeovers}, of which needless ${attempts.needless}`],
    ['fenced attempts', String(attempts.fenced)],
    ['retries', `${attempts.retries}, most attempts ${attempts.highest}`],
    ['time to end', `p50 ${endMs.p50} ms, p99 ${endMs.p99} ms, longest ${endMs.max} ms`],
    ['time to settle', `${report.settled_ms} ms after the last disturbance`],
    ['time to audit', `${report.audited_ms ?? 'more than allowed'} ms after that`],
    ['the slowest', report.slowest],
    ['broken promises', listed(report.violations)],
  ];
  const lines = rows.map(([label, value]) => `${label.padEnd(22)}${value}`);
  const violations = report.first_violations.map(
    (each) => `  ${each.kind} ${each.jobId ?? ''} ${each.detail}`,
  );
  return ['', ...lines, ...violations, ''].join('\n');
}

function inOrder(events: readonly RecordedEvent[]): RecordedEvent[] {
  return events.toSorted((a, b) => a.version - b.version);
}

/** Ended jobs, the quickest first. */
function endedJobs(log: Log): { durationMs: number; events: readonly RecordedEvent[] }[] {
  const jobs = [...log.values()].flatMap((events) => {
    const ended = events.find(({ event }) => isEnding(event.type));
    const requested = events.find(({ event }) => event.type === 'JobRequested');
    if (!ended || requested?.event.type !== 'JobRequested') return [];
    const from = requested.event.data.start_after ?? requested.event.time;
    // One canceled while waiting ended before its start.
    return [{ durationMs: Math.max(0, Date.parse(ended.event.time) - Date.parse(from)), events }];
  });
  return jobs.sort((a, b) => a.durationMs - b.durationMs);
}

/** Such as `quick: JobRequested 0.0 s, JobStarted 0.1 s, JobSucceeded 3.2 s`. */
function courseOf(events: readonly RecordedEvent[]): string {
  const ordered = inOrder(events);
  const beganMs = Date.parse(ordered[0]?.event.time ?? '');
  const steps = ordered.map(
    ({ event }) => `${event.type} ${((Date.parse(event.time) - beganMs) / 1_000).toFixed(1)} s`,
  );
  return `${ordered[0]?.ref.action}: ${steps.join(', ')}`;
}

async function countFenced(dir: string, members: readonly Member[]): Promise<number> {
  let fenced = 0;
  for (const { name } of members) {
    if (!name.startsWith('executor')) continue;
    const output = await readFile(join(dir, `${name}.log`), 'utf8');
    fenced += output.split('\n').filter((line) => line.includes('"outcome":"superseded"')).length;
  }
  return fenced;
}

function countOf(values: readonly (string | number)[]): Counts {
  const groups = Map.groupBy(values, String);
  return Object.fromEntries([...groups].sort().map(([value, { length }]) => [value, length]));
}

function listed(counts: Counts): string {
  const words = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
  return words.length === 0 ? 'none' : words.join(', ');
}
