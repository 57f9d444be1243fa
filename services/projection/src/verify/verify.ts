import type { VerifyReport, VerifyRequest } from '@errand/contracts';
import { checkChain } from './checks/check-chain.ts';
import { checkConfig } from './checks/check-config.ts';
import { checkStuckDeliveries, startDeliveryCheck } from './checks/check-deliveries.ts';
import { checkLog } from './checks/check-log.ts';
import { checkRows } from './checks/check-rows.ts';
import { checkStuckJobs } from './checks/check-stuck-jobs.ts';
import { recheckJobs } from './recheck-jobs.ts';
import { beginVerify, type VerifyDeps } from './verify-context.ts';

/**
 * Compares the read model, the deliveries and the log itself with what the log says, while everything goes on, and tells
 * what does not hold. Whatever looks wrong is looked at again before it is told, so that nothing that is merely under
 * way is. Memory is bounded: open jobs, up to a limit, and pages; what ended is compared and forgotten.
 * @throws LogUnavailable; the errors of Postgres; the signal's reason once that is aborted
 */
export async function verify(
  deps: VerifyDeps,
  request: VerifyRequest,
  signal: AbortSignal,
): Promise<VerifyReport> {
  const run = await beginVerify(deps, request, signal);
  const deliveries = await startDeliveryCheck(run);
  const gaps = await checkChain(run);
  const { matched, quiet } = await checkLog(run, gaps, deliveries.onEnding);
  await checkRows(run, matched);
  await recheckJobs(run);
  await deliveries.finish();
  await checkStuckJobs(run, quiet);
  await checkStuckDeliveries(run);
  await checkConfig(run);
  return {
    tenant_id: run.tenantId ?? null,
    since: new Date(run.sinceMs).toISOString(),
    as_of_version: run.asOfVersion,
    started_at: new Date(run.startedMs).toISOString(),
    duration_ms: deps.now() - run.startedMs,
    checked: run.checked,
    ...run.counts,
    findings: run.findings.list(),
  };
}
