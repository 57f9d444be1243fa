/** The jobs of which something was told lately, for lists that were on their way meanwhile. */
export interface ToldJobs {
  /** What happened before this was told to nobody. */
  begin(nowMs: number): void;
  note(jobIds: Iterable<string>, nowMs: number): void;
  /** Whether something may have happened to a job behind an instant: of the last half minute at most, it was told. */
  isSince(jobId: string, ms: number): boolean;
}

const KEPT_MS = 30_000;

export function createToldJobs(): ToldJobs {
  /** The latest last. */
  const told = new Map<string, number>();
  let beganMs = Number.NEGATIVE_INFINITY;
  return {
    begin(nowMs) {
      beganMs = nowMs;
    },
    note(jobIds, nowMs) {
      for (const id of jobIds) {
        told.delete(id);
        told.set(id, nowMs);
      }
      for (const [id, ms] of told) {
        if (ms >= nowMs - KEPT_MS) break;
        told.delete(id);
      }
    },
    isSince: (jobId, ms) => Math.max(beganMs, told.get(jobId) ?? Number.NEGATIVE_INFINITY) >= ms,
  };
}
