import { randomUUIDv7 } from 'node:crypto';
import { type Bus, LogUnavailable } from '@errand/bus';
import { type JobEvent, type JobRef, toJobEvent } from '@errand/contracts';
import { type Command, decide, evolve, foldJob, isEnded, type JobState } from '@errand/domain';
import { waitUntil } from '@errand/testkit';
import type { WrittenEvent } from './chain-check.ts';

/** What all writers did together. */
export interface Ledger {
  /** By event id; an append is in here before it is sent. */
  readonly written: Map<string, WrittenEvent>;
  accepted: number;
  conflicts: number;
  unavailable: number;
  unreadable: number;
  /** Reads after a conflict that did not show the winning event. */
  staleReads: number;
}

export function emptyLedger(): Ledger {
  return { written: new Map(), accepted: 0, conflicts: 0, unavailable: 0, unreadable: 0, staleReads: 0 };
}

export interface RacingWriter {
  readonly bus: Bus;
  /** Tells writers apart, from 0. */
  readonly index: number;
  /** Number of its own events that it wants in the log before it tries to end the job. */
  readonly eventsPerJob: number;
  readonly ledger: Ledger;
}

/**
 * Takes part in one job against the other writers, from nothing to the job's ending. The writer continues from what it
 * last knew, without reading first, so most appends of a crowd are meant to lose.
 *
 * To end the job it sends a progress event and the ending at once, both at the same expected version: the sharpest race
 * that one connection can make.
 */
export async function raceForJob(writer: RacingWriter, ref: JobRef): Promise<void> {
  let state: JobState | undefined;
  for (let own = 0; !isEnded(state?.phase.value.status ?? null); ) {
    const believed = state;
    const events = nextCommands(believed, own, writer).flatMap((command) => eventOf(command, believed, ref));
    const outcomes = await Promise.all(
      events.map((event) => append(writer, { ref, event, expectedVersion: believed?.version ?? 0 })),
    );
    const won = outcomes.filter((outcome) => outcome.kind === 'acknowledged');
    own += won.length;
    const [first] = won;
    if (first && won.length === outcomes.length) {
      state = evolve(believed, { ref, version: first.version, event: first.event });
      continue;
    }
    state = await readPatiently(writer, ref);
    const hasLost = outcomes.some(({ kind }) => kind === 'refused');
    if (hasLost && (state?.version ?? 0) <= (believed?.version ?? 0)) writer.ledger.staleReads += 1;
  }
}

function nextCommands(state: JobState | undefined, own: number, writer: RacingWriter): Command[] {
  if (state === undefined) return [{ type: 'requestJob', request: requestOf(writer) }];
  const start = { type: 'startAttempt', executorId: `writer-${writer.index}`, maxAttempts: 1_000 } as const;
  if (state.phase.value.status !== 'running') return [start];
  const attempt = state.attempt.value.number;
  const progress = { type: 'reportProgress', attempt, percent: (own * 7) % 100 } as const;
  if (own < writer.eventsPerJob) return [own % 3 === 2 ? start : progress];
  const error = { code: 'action_failed', message: `writer ${writer.index} gave up` };
  const ending: Command =
    writer.index % 2 === 0
      ? { type: 'succeedAttempt', attempt, result: { by: writer.index }, durationMs: 1 }
      : { type: 'failAttempt', attempt, error, durationMs: 1 };
  // The first of the two has the better chance, so they take turns at being first.
  return own % 2 === 0 ? [progress, ending] : [ending, progress];
}

function requestOf(writer: RacingWriter) {
  return {
    tenant_id: 'chain',
    action: 'race',
    action_version: '1',
    resource: {},
    input: { writer: writer.index },
    metadata: {},
    source: 'api',
    requested_by: `writer-${writer.index}`,
    finish_by: new Date(Date.now() + 3_600_000).toISOString(),
  } as const;
}

function eventOf(command: Command, state: JobState | undefined, ref: JobRef): JobEvent[] {
  const decision = decide(command, state);
  if (decision.kind === 'rejected') return [];
  const envelope = {
    id: randomUUIDv7(),
    jobId: ref.jobId,
    source: '/errand/e2e',
    timeMs: Date.now(),
  } as const;
  return [toJobEvent(decision.fact, envelope)];
}

type Settled =
  | { kind: 'acknowledged'; version: number; event: JobEvent }
  | { kind: 'refused' }
  | { kind: 'unknown' };

/** One append and, every other time it gets no answer, the very same append once more. */
async function append(
  { bus, ledger }: RacingWriter,
  request: { ref: JobRef; event: JobEvent; expectedVersion: number },
): Promise<Settled> {
  const { event, expectedVersion } = request;
  const record = (outcome: WrittenEvent['outcome']) =>
    ledger.written.set(event.id, { expectedVersion, outcome });
  record({ kind: 'unknown' });
  for (;;) {
    try {
      const outcome = await bus.jobs.append(request);
      if (outcome.kind === 'conflict') {
        ledger.conflicts += 1;
        record({ kind: 'refused' });
        return { kind: 'refused' };
      }
      ledger.accepted += 1;
      record({ kind: 'acknowledged', version: outcome.version });
      return { kind: 'acknowledged', version: outcome.version, event };
    } catch (error) {
      if (!(error instanceof LogUnavailable)) throw error;
      ledger.unavailable += 1;
      if (ledger.unavailable % 2 === 0) return { kind: 'unknown' };
    }
  }
}

async function readPatiently({ bus, ledger }: RacingWriter, ref: JobRef): Promise<JobState | undefined> {
  const events = await waitUntil(
    async () => {
      try {
        return await bus.jobs.read(ref);
      } catch (error) {
        if (!(error instanceof LogUnavailable)) throw error;
        ledger.unreadable += 1;
        return undefined;
      }
    },
    { timeoutMs: 60_000, intervalMs: 20 },
  );
  return foldJob(events);
}
