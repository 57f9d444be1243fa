const MINUTE_MS = 60_000;

/** How many test calls tenants may still make. */
export interface TestAllowance {
  /** Takes one: 0, or if there is none left the seconds after which there is. */
  take(tenantId: string): number;
}

/** So many in any minute for each tenant, counted in this process. */
export function createTestAllowance(perMinute: number, now: () => number): TestAllowance {
  /** When each tenant's last tests were, oldest first. */
  const taken = new Map<string, number[]>();

  function forgetOld(nowMs: number): void {
    for (const [tenantId, times] of taken) {
      if ((times.at(-1) ?? 0) + MINUTE_MS <= nowMs) taken.delete(tenantId);
    }
  }

  return {
    take(tenantId) {
      const nowMs = now();
      const times = (taken.get(tenantId) ?? []).filter((time) => time + MINUTE_MS > nowMs);
      const [oldest] = times;
      if (times.length >= perMinute && oldest !== undefined) {
        return Math.max(1, Math.ceil((oldest + MINUTE_MS - nowMs) / 1_000));
      }
      forgetOld(nowMs);
      taken.set(tenantId, [...times, nowMs]);
      return 0;
    },
  };
}
