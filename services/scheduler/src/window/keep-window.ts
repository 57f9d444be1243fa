import type { Bucket, Bus } from '@errand/bus';
import {
  BACKUP_POSITION,
  isEndingType,
  LOG_SLACK_MS,
  type LogPosition,
  PROJECTION_READER,
  parseJobSubject,
  type RecordedEvent,
  WEBHOOKS_READER,
} from '@errand/contracts';
import type { Logger } from '@errand/runtime';
import type { OpenJob, OpenJobs } from '../jobs/open-jobs.ts';
import { carryJob, restoreJob, waitsForNoTime } from './carry-job.ts';
import type { NeededEvents } from './needed-events.ts';
import type { TenantBytes } from './tenant-bytes.ts';

/*
 * The log keeps what is needed and little else: a job's events leave it some minutes after the job has ended. What is
 * looked up later is in AUDIT. Several schedulers may do this at once: each lets go only what it knows nobody needs.
 */

export interface WindowDeps {
  readonly bus: {
    readonly jobs: Pick<Bus['jobs'], 'append' | 'read' | 'readWindow' | 'storedAt' | 'trim'>;
    readonly audit: Pick<Bus['audit'], 'read' | 'version'>;
  };
  /** Where the readers of the log stand. */
  readonly positions: Pick<Bucket<LogPosition>, 'get'>;
  readonly open: Pick<OpenJobs, 'get'>;
  readonly needed: NeededEvents;
  readonly tenantBytes?: Pick<TenantBytes, 'forgetBefore'>;
  /** How long events are kept at least. */
  readonly graceMs: number;
  /** For how much longer than they are needed; by default LOG_SLACK_MS. */
  readonly slackMs?: number | undefined;
  /** How many bytes of JSON of the jobs that are brought back are in memory at once, roughly; by default 256 MiB. */
  readonly mostBytes?: number | undefined;
  /** How long events are kept at most. */
  readonly maxAgeMs: number;
  readonly now: () => number;
  readonly log: Pick<Logger, 'error'>;
}

/** Who needs the oldest event that is needed: the readers of all events by their names, or a job that has not ended. */
type Pin = 'open_job' | 'scheduler' | 'audit' | 'projection' | 'webhooks' | 'backup';

export interface WindowState {
  /** How old the oldest event is that is needed, in milliseconds; 0 if none is. */
  readonly neededAgeMs: number;
  readonly pin: Pin;
}

export interface WindowKeeper {
  /**
   * One look at the log: brings back what has left it and should not have, carries waiting jobs to its end, and lets the
   * oldest events leave. Undefined while there is no read model.
   * @throws LogUnavailable
   */
  look(): Promise<WindowState | undefined>;
}

/** Once the log is filled so far, jobs that wait for a time are carried as often as events leave it; before that, once an hour. */
const CARRIED_FROM_FILL = 0.02;
const SELDOM_MS = 3_600_000;
/** Jobs that wait for their turn, or for an executor, are mostly a backlog that moves on: they are carried once the log is filled so far, */
const QUEUED_CARRIED_FROM_FILL = 0.25;
/** and only if more than this share of it is of jobs that have ended, since carrying gains the room of those alone. */
const ENDED_SHARE = 0.5;
const CARRIED_AT_ONCE = 64;
/**
 * What is carried is in the log twice until its older events leave it, and others need its room. So waiting jobs may fill the
 * log to the first of these shares; beyond that, so much of it may be twice in it, and less where it is nearly full.
 */
const CARRIED_TO_FILL = 0.5;
const TWICE = 0.05;
const NEARLY_FULL = 0.9;
const TWICE_IF_NEARLY_FULL = 0.005;
/** Of one job, in bytes; few take as much. */
const LARGE_JOB = 524_288;
/** What is left of the memory is for the jobs that are open, in bytes. */
const MOST_RESTORED_BYTES = 268_435_456;
/** In one look: the rest follows with the next ones. */
const MAX_CARRIED = 10_000;

export function createWindowKeeper(deps: WindowDeps): WindowKeeper {
  const { bus, needed, tenantBytes, graceMs, slackMs = LOG_SLACK_MS } = deps;
  let restoredTo = 0;
  /** What this process has carried whose older events are in the log. */
  let twice: Carried[] = [];

  return {
    async look() {
      // Asked for in this order: what the others have settled by then may be more than what this process has read.
      const settled = await settledVersions(deps, { read: needed.readTo, lastEvent: needed.version });
      if (!settled) return undefined;
      const window = await bus.jobs.readWindow();
      tenantBytes?.forgetBefore(window.firstVersion);
      if (window.firstVersion > restoredTo) await restoreLost(window, deps);
      restoredTo = Math.max(restoredTo, window.firstVersion);
      if (window.firstMs === undefined) return { neededAgeMs: 0, pin: settled.pin };
      const { version, openJob } = needed.from(settled.version);
      const pin = openJob === undefined ? settled.pin : 'open_job';
      const isAllSettled = version > window.lastVersion;
      const neededMs = isAllSettled ? window.nowMs : await bus.jobs.storedAt(version);
      // It has left by its age.
      if (neededMs === undefined) return { neededAgeMs: window.nowMs - window.firstMs, pin };
      const beforeMs = Math.min(neededMs, window.nowMs - graceMs) - slackMs;
      if (window.firstMs < beforeMs) {
        await bus.jobs.trim({ beforeMs, neededFrom: { version, storedMs: neededMs } });
      }
      twice = twice.filter(({ upTo }) => upTo >= window.firstVersion);
      if (pin === 'open_job') {
        const carriedAfterMs = window.fill < CARRIED_FROM_FILL ? Math.max(graceMs, SELDOM_MS) : graceMs;
        const storedBeforeMs = window.nowMs - carriedAfterMs;
        const roomBytes = roomToCarry(window, sumOf(twice));
        const withQueued = window.fill >= QUEUED_CARRIED_FROM_FILL && needed.openShare() < 1 - ENDED_SHARE;
        const onCarried = (job: Carried) => twice.push(job);
        await carryWaiting({ storedBeforeMs, roomBytes, withQueued, onCarried }, deps);
      }
      return { neededAgeMs: isAllSettled ? 0 : window.nowMs - neededMs, pin };
    },
  };
}

/** Up to where every reader of all events has settled them; undefined as long as there is no read model. */
async function settledVersions(
  { bus, positions, now }: Pick<WindowDeps, 'bus' | 'positions' | 'now'>,
  { read, lastEvent }: { read: number; lastEvent: number },
): Promise<{ version: number; pin: Pin } | undefined> {
  const [projection, webhooks, backup, audit] = await Promise.all([
    positions.get(PROJECTION_READER.name),
    positions.get(WEBHOOKS_READER.name),
    positions.get(BACKUP_POSITION),
    bus.audit.version(),
  ]);
  if (!projection) return undefined;
  const settled: [Pin, number][] = [
    ['scheduler', read],
    // It passes by what is no event.
    ['audit', audit >= lastEvent ? Math.max(audit, read) : audit],
    ['projection', projection.version],
  ];
  // Where there is no such service, nobody waits for it.
  if (webhooks) settled.push(['webhooks', webhooks.version]);
  // One that died is soon forgotten.
  if (backup && (backup.until_ms ?? 0) > now()) settled.push(['backup', backup.version]);
  const [pin, version] = settled.reduce((least, each) => (each[1] < least[1] ? each : least));
  return { pin, version };
}

interface Carried {
  /** The newest of its older events. */
  readonly upTo: number;
  readonly bytes: number;
}

/** How many bytes may be carried. */
function roomToCarry({ fill, maxBytes }: { fill: number; maxBytes: number }, twiceBytes: number): number {
  if (maxBytes === 0) return Number.POSITIVE_INFINITY;
  const twice = fill < NEARLY_FULL ? TWICE : TWICE_IF_NEARLY_FULL;
  return Math.max((CARRIED_TO_FILL - fill) * maxBytes, twice * maxBytes - twiceBytes);
}

function sumOf(carried: readonly Carried[]): number {
  return carried.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Carries the jobs at the front of the log that only wait for a time, their turn or an executor, up to the first one that does not. */
async function carryWaiting(
  wanted: {
    storedBeforeMs: number;
    roomBytes: number;
    withQueued: boolean;
    onCarried: (job: Carried) => void;
  },
  deps: WindowDeps,
): Promise<void> {
  const { needed, open, now } = deps;
  let leftBytes = wanted.roomBytes;
  let group: Promise<void>[] = [];
  let carried = 0;
  for (const jobId of needed.openBefore(wanted.storedBeforeMs)) {
    const job = open.get(jobId);
    if (!job || !isCarried(job) || leftBytes <= 0 || carried++ === MAX_CARRIED) break;
    group.push(carryOne(job));
    if (group.length < Math.min(CARRIED_AT_ONCE, leftBytes / LARGE_JOB)) continue;
    await Promise.all(group);
    group = [];
  }
  await Promise.all(group);

  function isCarried({ standing, wakeAt = 0 }: OpenJob): boolean {
    return wakeAt > now() || (wanted.withQueued && waitsForNoTime({ standing }));
  }

  async function carryOne(job: OpenJob): Promise<void> {
    const bytes = await carryJob(job, deps);
    leftBytes -= bytes;
    if (bytes > 0) wanted.onCarried({ upTo: job.version, bytes });
  }
}

/** Nothing that was needed can have left by a usual trim, but a process may have died between the two halves of one. */
async function restoreLost(
  { neededFrom, firstVersion, firstMs, nowMs }: Awaited<ReturnType<Bus['jobs']['readWindow']>>,
  deps: WindowDeps,
): Promise<void> {
  const { bus, maxAgeMs, slackMs = LOG_SLACK_MS, mostBytes = MOST_RESTORED_BYTES, log } = deps;
  if (!neededFrom || firstVersion <= neededFrom.version) return;
  // Jobs end before their events reach that age.
  if (firstMs !== undefined && nowMs - firstMs > maxAgeMs - slackMs) return;
  const lost = new Set<string>();
  const read = () => bus.audit.read({ sinceMs: neededFrom.storedMs - slackMs });
  for await (const { entries } of read()) {
    for (const { subject, version } of entries) {
      const { ref, type } = parseJobSubject(subject) ?? {};
      if (!ref || version < neededFrom.version) continue;
      if (isEndingType(type)) lost.delete(ref.jobId);
      else if (version < firstVersion) lost.add(ref.jobId);
    }
  }
  let restored = 0;
  while (lost.size > 0) {
    const some = await readSome(read(), { lost, fromVersion: neededFrom.version, mostBytes });
    if (some.size === 0) break;
    for (const [jobId, events] of some) {
      const ref = events[0]?.ref;
      if (ref && (await restoreJob(ref, events, deps))) restored++;
      lost.delete(jobId);
    }
  }
  if (restored > 0) log.error({ jobs: restored }, 'lost_jobs_restored');
}

/** The first of some jobs with all of their events, as many as may be in memory at once. */
async function readSome(
  pages: ReturnType<WindowDeps['bus']['audit']['read']>,
  { lost, fromVersion, mostBytes }: { lost: ReadonlySet<string>; fromVersion: number; mostBytes: number },
): Promise<Map<string, RecordedEvent[]>> {
  const some = new Map<string, RecordedEvent[]>();
  let bytes = 0;
  for await (const { entries } of pages) {
    for (const entry of entries) {
      const jobId = parseJobSubject(entry.subject)?.ref.jobId ?? '';
      if (!lost.has(jobId) || entry.version < fromVersion) continue;
      const known = some.get(jobId);
      // Once there is no room for another one, there is none for any that follows: of those that are here, no event is missing.
      if (!known && bytes >= mostBytes) continue;
      const { decoded } = entry;
      if (decoded.kind !== 'event') continue;
      bytes += entry.data.length;
      if (known) known.push(decoded.recorded);
      else some.set(jobId, [decoded.recorded]);
    }
  }
  return some;
}
