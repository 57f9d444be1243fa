import type { Bus } from '@errand/bus';
import {
  PROJECTION_READER,
  SUMMARY_RETENTION_DAYS,
  type Verification,
  type VerifyRequest,
} from '@errand/contracts';
import { type Db, readLogPosition } from '@errand/postgres';
import type { StoredEndpoint } from './expected-deliveries.ts';
import { createFindings, type Findings } from './findings.ts';

export interface VerifyDeps {
  readonly db: Db;
  readonly bus: Bus;
  /** Every tenant's endpoints, as they are at the moment of the call. */
  readonly readEndpoints: () => Promise<StoredEndpoint[]>;
  readonly now: () => number;
  /** How many open jobs are held in memory; where more are open the log is read more often. */
  readonly maxOpenJobs: number;
  /** For how long what should have happened may be under way. */
  readonly graceMs: number;
  /** Between the two looks at deliveries that do not get on. */
  readonly secondLookMs: number;
}

/** How far a run is, for those who wait for it. */
export type VerifyStanding = Pick<Verification, 'step' | 'percent' | 'checked'>;

export interface Suspect {
  readonly tenantId: string;
  readonly action: string;
  readonly jobId: string;
  /** An event of it came where it does not belong, so all of its history is to be read. */
  readonly isStray: boolean;
}

/** What one run of verify knows. */
export interface VerifyRun {
  readonly deps: VerifyDeps;
  readonly tenantId: string | undefined;
  readonly startedMs: number;
  readonly sinceMs: number;
  /** Rows of older jobs may be gone. */
  readonly rowsSinceMs: number;
  readonly asOfVersion: number;
  readonly signal: AbortSignal;
  readonly findings: Findings;
  readonly standing: VerifyStanding;
  readonly checked: Verification['checked'];
  readonly counts: { passes: number; unreadable: number; unconfirmed: number };
  /** Jobs to be looked at again, by id. */
  readonly suspects: Map<string, Suspect>;
  suspect(suspect: Suspect): void;
}

const DAY_MS = 86_400_000;
/** Rows expire while they are compared. */
const EXPIRY_MARGIN_MS = 3_600_000;
export const MINUTE_MS = 60_000;
const MAX_SUSPECTS = 10_000;

/** @throws LogUnavailable */
export async function beginVerify(
  deps: VerifyDeps,
  request: VerifyRequest,
  { signal, standing }: { signal: AbortSignal; standing: VerifyStanding },
): Promise<VerifyRun> {
  const startedMs = deps.now();
  const oldestMs = startedMs - SUMMARY_RETENTION_DAYS * DAY_MS + EXPIRY_MARGIN_MS;
  const sinceMs = request.since === null ? oldestMs : Date.parse(request.since);
  const suspects = new Map<string, Suspect>();
  const counts = { passes: 0, unreadable: 0, unconfirmed: 0 };
  return {
    deps,
    tenantId: request.tenant_id ?? undefined,
    startedMs,
    sinceMs,
    // Rows are counted by whole minutes.
    rowsSinceMs: Math.ceil(Math.max(sinceMs, oldestMs) / MINUTE_MS) * MINUTE_MS,
    asOfVersion: Math.min(await deps.bus.audit.version(), await passedVersion(deps)),
    signal,
    findings: createFindings(),
    standing,
    checked: standing.checked,
    counts,
    suspects,
    suspect(suspect) {
      const known = suspects.get(suspect.jobId);
      if (!known && suspects.size >= MAX_SUSPECTS) counts.unconfirmed++;
      else suspects.set(suspect.jobId, { ...suspect, isStray: suspect.isStray || known?.isStray === true });
    },
  };
}

/** Tells how much of the log between two versions a step has read. */
export function readUpTo(run: VerifyRun, version: number, { from, to }: { from: number; to: number }): void {
  const share = to <= from ? 1 : (version - from) / (to - from);
  run.standing.percent = Math.round(Math.max(0, Math.min(1, share)) * 1_000) / 10;
}

/** Every event up to this version is in the read model. */
export async function passedVersion({ db }: Pick<VerifyDeps, 'db'>): Promise<number> {
  return (await readLogPosition(db, PROJECTION_READER.name)) ?? 0;
}

/** Calls for each item, a few at a time, until the run is given up. */
export async function forEachParallel<T>(
  run: Pick<VerifyRun, 'signal'>,
  items: Iterable<T>,
  call: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items[Symbol.iterator]();
  const work = async () => {
    for (let next = rest.next(); !next.done; next = rest.next()) {
      run.signal.throwIfAborted();
      await call(next.value);
    }
  };
  await Promise.all(Array.from({ length: 8 }, work));
}
