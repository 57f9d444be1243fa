import { randomUUIDv7 } from 'node:crypto';
import type { Bus } from '@errand/bus';
import {
  type JobEvent,
  type JobHistory,
  type JobRef,
  type RecordedEvent,
  toJobEvent,
} from '@errand/contracts';
import { type Command, decide, foldJob, operationOf, requestIn, wasIsolated } from '@errand/domain';
import type { OpenJob } from '../jobs/open-jobs.ts';

export interface CarryDeps {
  readonly bus: { readonly jobs: Pick<Bus['jobs'], 'append' | 'read'> };
  /** Unix milliseconds by the clock of the log's server. */
  readonly now: () => number;
}

/**
 * Writes all of a job anew that has not begun or waits, so that its older events may leave the log. One that had its turn has
 * another one then. Resolves with how many bytes that took, roughly; 0 for a job that does not wait, or goes on at this moment.
 * @throws LogUnavailable
 */
export async function carryJob(job: OpenJob, deps: CarryDeps): Promise<number> {
  const { ref } = job;
  const events = await deps.bus.jobs.read(ref);
  const version = versionOf(events);
  const isQueued = waitsForNoTime(job);
  // It has moved on meanwhile.
  if (isQueued && version !== job.version) return 0;
  const heldSince = isQueued ? isoOf(job.readyMs) : undefined;
  const carried = await appendNext(ref, { events, version }, carry(events, { heldSince }), deps);
  return carried ? Buffer.byteLength(JSON.stringify(carried)) : 0;
}

/**
 * Brings a job back whose request the log has lost, from its events as the audit log has them: it is due at once, unless it
 * waits, and an attempt that was running counts as used up. False for one that has ended, or whose request is there.
 * @throws LogUnavailable
 */
export async function restoreJob(
  ref: JobRef,
  audited: readonly RecordedEvent[],
  deps: CarryDeps,
): Promise<boolean> {
  const kept = await deps.bus.jobs.read(ref);
  if (requestIn(kept)) return false;
  // The audit log may be a moment behind.
  const events = [
    ...audited.filter(({ version }) => kept.every((each) => each.version !== version)),
    ...kept,
  ];
  const leftAt = isoOf(deps.now());
  const carried = await appendNext(
    ref,
    { events, version: versionOf(kept) },
    carry(events, { leftAt }),
    deps,
  );
  const by = foldJob(events)?.cancelRequested.value ?? null;
  if (carried === undefined || by === null) return carried !== undefined;
  const restored = await deps.bus.jobs.read(ref);
  const cancel: Command = { type: 'cancelJob', by, hasOperation: operationOf(restored) !== undefined };
  await appendNext(ref, { events: restored, version: versionOf(restored) }, cancel, deps);
  return true;
}

/** Whether it waits for its turn, or for an executor. */
export function waitsForNoTime({ standing }: Pick<OpenJob, 'standing'>): boolean {
  return standing === 'held' || standing === 'direct' || standing === 'released';
}

function carry(
  events: readonly RecordedEvent[],
  since: { leftAt?: string | undefined; heldSince?: string | undefined },
): Command | undefined {
  const request = requestIn(events);
  const isolated = wasIsolated(events);
  return request && { type: 'carryJob', request, operation: operationOf(events), isolated, ...since };
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}

/** Appends what a command leads to behind the version that the log has of the job; undefined if nothing, or if that was late. */
async function appendNext(
  ref: JobRef,
  { events, version }: { events: readonly RecordedEvent[]; version: number },
  command: Command | undefined,
  { bus, now }: CarryDeps,
): Promise<JobEvent | undefined> {
  const decision = command && decide(command, foldJob(events));
  if (decision?.kind !== 'fact') return undefined;
  const event = toJobEvent(decision.fact, {
    id: randomUUIDv7(),
    jobId: ref.jobId,
    source: '/errand/scheduler',
    timeMs: now(),
    traceparent: requestIn(events)?.event.traceparent,
  });
  const outcome = await bus.jobs.append({ ref, event, expectedVersion: version });
  return outcome.kind === 'appended' ? event : undefined;
}

/** What cannot be read counts too. */
function versionOf(events: JobHistory): number {
  return [...events, ...(events.unread ?? [])].reduce((newest, { version }) => Math.max(newest, version), 0);
}
