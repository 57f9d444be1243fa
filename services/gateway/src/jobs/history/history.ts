import { type Bus, type HistoryLimits, mayHaveLeft } from '@errand/bus';
import { CLOCK_TOLERANCE_MS, type RecordedEvent, uuidV7TimeMs } from '@errand/contracts';
import { evolve, type JobState } from '@errand/domain';
import { Refusal } from '../../http/problem.ts';
import type { JobStore } from '../job-rows.ts';

export interface JobHistoryDeps {
  readonly bus: { readonly jobs: Pick<Bus['jobs'], 'read' | 'readHistory'> } & {
    readonly audit: Pick<Bus['audit'], 'readHistory'>;
  };
  readonly store: JobStore;
  readonly now: () => number;
  /** How long AUDIT keeps them. */
  readonly auditKeepsMs: number;
  readonly historyLimits: HistoryLimits;
  /** Reads of AUDIT take turns, since each may go through a lot of it. */
  readonly inAuditTurn: <T>(call: () => Promise<T>) => Promise<T>;
}

export interface WantedHistory {
  readonly tenantId: string;
  readonly jobId: string;
  readonly action?: string;
}

export interface HistoryPage {
  readonly events: RecordedEvent[];
  readonly hasMore: boolean;
  /** The newest version of the job that is known. */
  readonly version: number;
}

/**
 * The job's events behind a version, oldest first, at most `limit` of them.
 * @throws Refusal unknown_job, events_gone; HistoryOutOfReach; LogUnavailable
 */
export function readHistoryPage(
  deps: JobHistoryDeps,
  job: WantedHistory,
  { after, limit }: { after: number; limit: number },
): Promise<HistoryPage> {
  return withHistory(deps, job, {
    after,
    async read(pages, newestVersion) {
      const events: RecordedEvent[] = [];
      for await (const page of pages) {
        events.push(...page);
        if (events.length > limit) break;
      }
      const version = Math.max(newestVersion, events.at(-1)?.version ?? 0);
      return { events: events.slice(0, limit), hasMore: events.length > limit, version };
    },
  });
}

/**
 * The job's state once the events up to the first one that does not belong are folded; undefined if that is the first.
 * @throws Refusal unknown_job, events_gone; HistoryOutOfReach; LogUnavailable
 */
export function foldHistory(
  deps: JobHistoryDeps,
  job: WantedHistory,
  belongs: (recorded: RecordedEvent) => boolean,
): Promise<JobState | undefined> {
  return withHistory(deps, job, {
    after: 0,
    async read(pages) {
      let state: JobState | undefined;
      for await (const page of pages) {
        for (const recorded of page) {
          if (!belongs(recorded)) return state;
          state = evolve(state, recorded);
        }
      }
      return state;
    },
  });
}

/** JOBS holds all of a job as long as it holds its request, else AUDIT does. */
async function withHistory<T>(
  deps: JobHistoryDeps,
  job: WantedHistory,
  {
    after,
    read,
  }: {
    after: number;
    read: (pages: AsyncGenerator<RecordedEvent[]>, newestVersion: number) => Promise<T>;
  },
): Promise<T> {
  const newest = (await deps.bus.jobs.read(job)).sort((a, b) => a.version - b.version);
  const toVersion = newest.at(-1)?.version ?? 0;
  const request = newest.find(({ event }) => event.type === 'JobRequested');
  if (!request) return deps.inAuditTurn(() => read(auditedPages(deps, job, { newest, after }), toVersion));
  const fromVersion = Math.max(request.version, after + 1);
  return read(deps.bus.jobs.readHistory(request.ref, { fromVersion, toVersion }), toVersion);
}

/** `newest` is what JOBS still has: AUDIT may be a moment behind it. */
async function* auditedPages(
  deps: JobHistoryDeps,
  job: WantedHistory,
  { newest, after }: { newest: readonly RecordedEvent[]; after: number },
): AsyncGenerator<RecordedEvent[], void, undefined> {
  const row = await findRow(deps, job);
  const idMs = uuidV7TimeMs(job.jobId);
  if (!row && newest.length === 0 && !mayHaveLeft(job.jobId, deps.now())) throw new Refusal('unknown_job');
  if (idMs + deps.auditKeepsMs <= deps.now()) throw new Refusal('events_gone');
  // A job may be requested long after its id was made: by the next use of an Idempotency-Key.
  const requestedMs = row?.request.value ? Date.parse(row.request.value.requestedAt) : idMs;
  const { tenantId, jobId } = job;
  const action = newest[0]?.ref.action ?? row?.action;
  const sinceMs = requestedMs - CLOCK_TOLERANCE_MS;
  let seen = 0;
  const sinceVersion = row?.request.version || undefined;
  const known = { tenantId, action, jobId, sinceMs, sinceVersion };
  for await (const page of deps.bus.audit.readHistory(known, deps.historyLimits)) {
    seen = page.at(-1)?.version ?? seen;
    const wanted = page.filter(({ version }) => version > after);
    if (wanted.length > 0) yield wanted;
  }
  if (seen === 0 && newest.length === 0) throw new Refusal(row ? 'events_gone' : 'unknown_job');
  yield newest.filter(({ version }) => version > Math.max(seen, after));
}

async function findRow(deps: JobHistoryDeps, job: WantedHistory): Promise<JobState | undefined> {
  const stored = await deps.store.find(job.jobId);
  if (stored.kind !== 'row') return undefined;
  if (stored.state.tenantId !== job.tenantId) throw new Refusal('unknown_job');
  return stored.state;
}
