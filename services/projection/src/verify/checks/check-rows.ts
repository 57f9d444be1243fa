import { CLOCK_TOLERANCE_MS, uuidV7TimeMs } from '@errand/contracts';
import { countRows, readBucket } from '../stored-rows.ts';
import { forEachParallel, MINUTE_MS, type VerifyRun } from '../verify-context.ts';

const MAX_CANDIDATES = 50_000;

/**
 * Finds rows of jobs that the log does not hold. Minutes that have more rows than the log has jobs are looked into: each
 * row's job is looked for in JOBS, and those that are not there in one further read of the audit log.
 * @throws LogUnavailable
 */
export async function checkRows(run: VerifyRun, matched: ReadonlyMap<number, number>): Promise<void> {
  const { db, bus } = run.deps;
  const { tenantId, rowsSinceMs: fromMs, startedMs } = run;
  const counts = await countRows(db, { fromMs, untilMs: startedMs + MINUTE_MS, tenantId });
  const candidates = new Map<string, { tenantId: string; action: string; jobId: string }>();
  for (const [bucket, count] of counts) {
    if (count <= (matched.get(bucket) ?? 0)) continue;
    const limit = MAX_CANDIDATES - candidates.size;
    if (limit === 0) run.counts.unconfirmed += count - (matched.get(bucket) ?? 0);
    else for (const row of await readBucket(db, bucket, { tenantId, limit })) candidates.set(row.jobId, row);
  }
  await forEachParallel(run, [...candidates.values()], async (ref) => {
    if ((await bus.jobs.read(ref)).length > 0) candidates.delete(ref.jobId);
  });
  if (candidates.size > 0) await clearAudited(run, candidates);
  for (const { jobId } of candidates.values()) {
    const detail = `requested at ${new Date(uuidV7TimeMs(jobId)).toISOString()}, by its id`;
    run.findings.add('row_without_events', { id: jobId, detail });
  }
}

/** Takes out those that the audit log holds. */
async function clearAudited(run: VerifyRun, candidates: Map<string, unknown>): Promise<void> {
  const sinceMs = Math.min(...[...candidates.keys()].map(uuidV7TimeMs)) - CLOCK_TOLERANCE_MS;
  for await (const page of run.deps.bus.audit.read({ tenantId: run.tenantId, sinceMs })) {
    run.signal.throwIfAborted();
    for (const { decoded } of page.entries) {
      if (decoded.kind === 'event') candidates.delete(decoded.recorded.ref.jobId);
    }
    if (candidates.size === 0) return;
  }
}
