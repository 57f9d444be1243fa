import { randomUUIDv7 } from 'node:crypto';
import type { AppendRequest } from '@errand/bus';
import { toJobEvent } from '@errand/contracts';
import { decide } from '@errand/domain';
import type { Caller } from '../http/authenticate.ts';
import type { JobOrder } from './run-options.ts';

/** Who asks for a job, when, and how long the log may take to acknowledge it. */
export interface RequestOrigin {
  readonly caller: Caller;
  readonly nowMs: number;
  readonly traceparent: string | undefined;
  readonly appendTimeoutMs: number;
}

/** The append that makes an ordered job exist, as the first event under its id. */
export function jobRequestOf(order: JobOrder, jobId: string, origin: RequestOrigin): AppendRequest {
  const { contract, resource, metadata, times, source, retryOf, webhook } = order;
  const asked = order.inputRef ? { input_ref: order.inputRef } : { input: order.input };
  const { tenantId, name } = origin.caller;
  const decision = decide(
    {
      type: 'requestJob',
      request: {
        tenant_id: tenantId,
        action: contract.name,
        action_version: contract.version,
        contract_id: contract.contract_id,
        resource,
        metadata,
        source,
        ...asked,
        requested_by: name,
        ...times,
        ...(retryOf === undefined ? {} : { retry_of: retryOf }),
        ...(webhook === undefined ? {} : { webhook }),
      },
    },
    undefined,
  );
  if (decision.kind === 'rejected') throw new Error(`a new job was rejected: ${decision.reason}`);
  return {
    ref: { tenantId, action: contract.name, jobId },
    event: toJobEvent(decision.fact, {
      jobId,
      traceparent: origin.traceparent,
      timeMs: origin.nowMs,
      id: randomUUIDv7(),
      source: '/errand/gateway',
    }),
    expectedVersion: 0,
    lane: 'fast',
    deadlineMs: origin.appendTimeoutMs,
  };
}
