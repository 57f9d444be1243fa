import type { Caller } from '../http/authenticate.ts';
import { ensureJobSigner } from '../webhooks/job-signer/job-signer.ts';
import { jobRequestOf, storeInput } from './request-job.ts';
import type { AcceptedJob } from './run-answers.ts';
import type { RunAsking } from './run-limits.ts';
import type { JobOrder } from './run-options.ts';
import type { RunDeps } from './runs-group.ts';

/** An order under the id that its job is to have. */
interface IdentifiedOrder {
  readonly order: JobOrder;
  readonly jobId: string;
  /** For whom. */
  readonly caller: Pick<Caller, 'name' | 'tenantId' | 'actor'>;
  /** The size of what the input came in. */
  readonly bytes: number;
  readonly nowMs: number;
  readonly traceparent: string | undefined;
}

/**
 * Requests the job of an order, within its tenant's limits and the room of the log. Undefined when there is a job of that id.
 * @throws Refusal unknown_action, too_many_runs, too_many_queued, too_many_log_bytes, log_nearly_full, payloads_full, too_many_payload_bytes;
 * LogUnavailable
 */
export function requestOrder(
  c: RunAsking,
  deps: RunDeps,
  ordered: IdentifiedOrder,
): Promise<AcceptedJob | undefined> {
  const asked = { tenantId: ordered.caller.tenantId, action: ordered.order.contract.name, jobs: 1 };
  return deps.runs.limits.within(
    c,
    asked,
    () => requestAdmitted(deps, ordered),
    (job) => job?.version,
  );
}

async function requestAdmitted(
  deps: RunDeps,
  { order: sent, jobId, caller, bytes, nowMs, traceparent }: IdentifiedOrder,
): Promise<AcceptedJob | undefined> {
  const { appendTimeoutMs, inlinePayloadBytes, logRoom, turns } = deps.runs;
  const { tenantId } = caller;
  logRoom.admitRuns({ jobs: 1, bytes: Math.min(bytes, inlinePayloadBytes) });
  const order = await storeInput(deps.runs, sent, { tenantId, jobId, bytes });
  const append = jobRequestOf(order, jobId, { caller, nowMs, traceparent, appendTimeoutMs });
  // Whoever calls the webhook must find what to sign with.
  if (order.webhook) await ensureJobSigner(deps.webhooks, caller);
  const outcome = await turns.append(append);
  if (outcome.kind === 'conflict') return undefined;
  return { jobId, version: outcome.version, createdAt: append.event.time };
}
