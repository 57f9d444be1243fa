import type { VerifyReport, VerifyRequest } from '@errand/contracts';
import { checkChain } from './checks/check-chain.ts';
import { checkConfig } from './checks/check-config.ts';
import { checkStuckDeliveries, startDeliveryCheck } from './checks/check-deliveries.ts';
import { checkLog } from './checks/check-log.ts';
import { checkRows } from './checks/check-rows.ts';
import { checkStuckJobs } from './checks/check-stuck-jobs.ts';
import { recheckJobs } from './recheck-jobs.ts';
import { beginVerify, type VerifyDeps, type VerifyRun, type VerifyStanding } from './verify-context.ts';

/**
 * Compares the read model, the deliveries and the log itself with what the log says, while everything goes on, and tells
 * what does not hold. Whatever looks wrong is looked at again before it is told, so that nothing that is merely under
 * way is. `standing` follows how far it is. Memory is bounded: open jobs, up to a limit, and pages; what ended is compared and forgotten.
 * @throws LogUnavailable; the errors of Postgres; the signal's reason once that is aborted
 */
export async function verify(
  deps: VerifyDeps,
  request: VerifyRequest,
  how: { signal: AbortSignal; standing: VerifyStanding },
): Promise<VerifyReport> {
  const run = await beginVerify(deps, request, how);
  const deliveries = await startDeliveryCheck(run);
  enter(run, 'chain');
  const gaps = await checkChain(run);
  enter(run, 'jobs');
  const { matched, quiet } = await checkLog(run, gaps, deliveries.onEnding);
  enter(run, 'rows');
  await checkRows(run, matched);
  enter(run, 'second_look');
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

function enter({ standing }: VerifyRun, step: VerifyStanding['step']): void {
  standing.step = step;
  standing.percent = null;
}
