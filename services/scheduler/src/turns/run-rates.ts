/** How much of their rates of runs tenants have used, by the requests in the log. */
export interface RunRates {
  /** A job was requested. Unix milliseconds by the clock of the log's server, as everywhere here. */
  take(tenantId: string, storedMs: number): void;
  /** For how long the tenant's rate is used up by what there was. */
  backlogMs(tenantId: string, nowMs: number): number;
}

/**
 * Each job uses up the time in which the rate allows one (GCRA): what is kept of a tenant is when all of its jobs would
 * have come, had they come at that rate.
 */
export function createRunRates(perSecondOf: (tenantId: string) => number | undefined): RunRates {
  const dueMs = new Map<string, number>();
  return {
    take(tenantId, storedMs) {
      const rate = perSecondOf(tenantId);
      if (rate === undefined) dueMs.delete(tenantId);
      else dueMs.set(tenantId, Math.max(dueMs.get(tenantId) ?? 0, storedMs) + 1_000 / rate);
    },
    backlogMs: (tenantId, nowMs) => Math.max(0, (dueMs.get(tenantId) ?? 0) - nowMs),
  };
}
