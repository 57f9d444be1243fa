import { randomUUIDv7 } from 'node:crypto';
import type { Bus } from '@errand/bus';
import { type RunAccepted, toJobEvent } from '@errand/contracts';
import { decide } from '@errand/domain';
import type { ActionCatalogue } from '../action-catalogue.ts';
import { answer } from '../answer.ts';
import { type AddressedAction, findAction } from '../find-action.ts';
import { type JobOrder, readJobOrder } from '../job-request.ts';
import type { Caller, TenantHandler } from '../middleware/authenticate.ts';
import { type BodyLimits, readJsonObject } from '../middleware/read-json.ts';
import { Refusal } from '../problem.ts';
import { traceParentOf } from '../trace-parent.ts';

export interface RunActionDeps extends BodyLimits {
  readonly bus: Pick<Bus, 'append'>;
  readonly catalogue: ActionCatalogue;
  readonly now: () => number;
  readonly appendTimeoutMs: number;
  readonly jobMaxLifeMs: number;
}

/** POST …/{action}/run: 202 once the log has acknowledged the job's request, and not before. */
export function runAction(deps: RunActionDeps): TenantHandler {
  return async (c, caller) => {
    const addressed = await findAction(c, deps.catalogue);
    const order = readJobOrder(addressed.entry, await readJsonObject(c, deps));
    // Ids are of the real time: they sort jobs and name partitions.
    const jobId = randomUUIDv7();
    c.env.jobId = jobId;
    const nowMs = deps.now();
    const { version } = await requestJob(deps, {
      ...{ order, addressed, caller, jobId, nowMs },
      traceparent: traceParentOf(c.req.raw.headers.get('traceparent')),
    });
    const status = `${addressed.path.prefix}/status?job_id=${jobId}`;
    const accepted: RunAccepted = {
      job_id: jobId,
      status: 'queued',
      version,
      action: order.contract.name,
      created_at: new Date(nowMs).toISOString(),
      links: { status, job: `/v2/tenants/${caller.tenantId}/jobs/${jobId}` },
    };
    return answer(c, { status: 202, body: accepted, headers: { location: status, 'retry-after': '1' } });
  };
}

async function requestJob(
  deps: RunActionDeps,
  request: {
    order: JobOrder;
    addressed: AddressedAction;
    caller: Caller;
    jobId: string;
    nowMs: number;
    traceparent: string | undefined;
  },
): Promise<{ version: number }> {
  const { order, addressed, caller, jobId, nowMs, traceparent } = request;
  const { contract, input, metadata } = order;
  const { tenantId } = caller;
  const decision = decide(
    {
      type: 'requestJob',
      request: {
        tenant_id: tenantId,
        action: contract.name,
        action_version: contract.version,
        resource: addressed.resource,
        input,
        metadata,
        source: 'api',
        requested_by: caller.name,
        finish_by: new Date(nowMs + deps.jobMaxLifeMs).toISOString(),
      },
    },
    undefined,
  );
  if (decision.kind === 'rejected') throw new Error(`a new job was rejected: ${decision.reason}`);
  const event = toJobEvent(decision.fact, {
    ...{ jobId, traceparent, timeMs: nowMs },
    id: randomUUIDv7(),
    source: '/errand/gateway',
  });
  try {
    const outcome = await deps.bus.append({
      ref: { tenantId, action: contract.name, jobId },
      event,
      expectedVersion: 0,
      lane: 'fast',
      deadlineMs: deps.appendTimeoutMs,
    });
    if (outcome.kind === 'conflict') throw new Error('the id of a new job is taken');
    return outcome;
  } catch (error) {
    // JSON.parse takes deeper nesting than JSON.stringify can write.
    throw error instanceof RangeError ? new Refusal('nested_too_deeply') : error;
  }
}
