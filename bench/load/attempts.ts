import type { Bus } from '@errand/bus';
import { isEndingType, parseJobSubject } from '@errand/contracts';

/** One attempt of a job, by the times of the log's server, in Unix milliseconds. */
export interface Attempt {
  readonly tenantId: string;
  readonly startedMs: number;
  /** Infinite while it runs. */
  readonly endedMs: number;
}

/** All attempts that the log has at this moment, in the order of their starts. */
export async function readAttempts(bus: { readonly jobs: Pick<Bus['jobs'], 'follow'> }): Promise<Attempt[]> {
  const attempts: { tenantId: string; startedMs: number; endedMs: number }[] = [];
  const running = new Map<string, (typeof attempts)[number]>();
  const enough = new AbortController();
  await bus.jobs.follow({
    onEvent({ subject, storedMs }) {
      const { ref, type } = parseJobSubject(subject) ?? {};
      if (!ref) return;
      if (type === 'JobStarted') {
        const attempt = { tenantId: ref.tenantId, startedMs: storedMs, endedMs: Number.POSITIVE_INFINITY };
        attempts.push(attempt);
        running.set(ref.jobId, attempt);
      }
      if (!isEndingType(type) && type !== 'JobRetrying' && type !== 'JobDeferred') return;
      const attempt = running.get(ref.jobId);
      if (attempt) attempt.endedMs = storedMs;
      running.delete(ref.jobId);
    },
    onCaughtUp: () => enough.abort(),
    signal: enough.signal,
  });
  return attempts;
}

/** For how many seconds attempts held slots, all added up, in a stretch of time. */
export function slotSeconds(attempts: readonly Attempt[], fromMs: number, toMs: number): number {
  const held = attempts.map(({ startedMs, endedMs }) =>
    Math.max(0, Math.min(endedMs, toMs) - Math.max(startedMs, fromMs)),
  );
  return held.reduce((sum, ms) => sum + ms, 0) / 1_000;
}
