/** The jobs of which something was told lately, for lists that were on their way meanwhile. */
export interface ToldJobs {
  note(jobIds: Iterable<string>, nowMs: number): void;
  /** Whether something was told of a job behind an instant, of the last half minute at most. */
  isSince(jobId: string, ms: number): boolean;
}

const KEPT_MS = 30_000;

export function createToldJobs(): ToldJobs {
  /** The latest last. */
  const told = new Map<string, number>();
  return {
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
    isSince: (jobId, ms) => (told.get(jobId) ?? Number.NEGATIVE_INFINITY) >= ms,
  };
}
