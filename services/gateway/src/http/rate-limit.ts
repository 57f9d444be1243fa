/** Milliseconds over a rate that are none: sums of times of day and of parts of a second are not exact. */
export const ROUNDING_MS = 0.001;

/** What is left of a rate, and when there is more, as draft-ietf-httpapi-ratelimit-headers has it. */
export function rateLimit(
  name: string,
  { rate, burst, overMs }: { rate: number; burst: number; overMs: number },
): Record<'ratelimit-policy' | 'ratelimit', string> {
  const left = Math.max(0, Math.floor((-overMs * rate) / 1_000));
  const untilMs = overMs > 0 ? overMs : 1_000 / rate;
  return {
    'ratelimit-policy': `"${name}";q=${burst};w=${Math.ceil(burst / rate)}`,
    ratelimit: `"${name}";r=${left};t=${Math.ceil(untilMs / 1_000)}`,
  };
}
