const MIN_MS = 1_000;

/** Retry-After (RFC 9110, 10.2.3), seconds or a date, as a wait of 1 s at least; null for none or nonsense. */
export function retryAfterMs(header: string | null, nowMs: number): number | null {
  if (header === null) return null;
  const text = header.trim();
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - nowMs;
  return Number.isNaN(ms) ? null : Math.max(MIN_MS, ms);
}
