import { randomUUIDv7 } from 'node:crypto';
import { type AppendRequest, type Bus, type PayloadRoom, PayloadShareUsed, PayloadsFull } from '@errand/bus';
import { JSON_TYPE, type PayloadRef, toJobEvent } from '@errand/contracts';
import { decide } from '@errand/domain';
import type { Caller } from '../http/authenticate.ts';
import { Refusal } from '../http/problem.ts';
import type { JobOrder } from './run-options.ts';

export interface StoreInputDeps {
  readonly bus: { readonly payloads: Pick<Bus['payloads'], 'put'> };
  readonly inlinePayloadBytes: number;
  readonly inputRoom: PayloadRoom;
}

/**
 * The order as it can be requested: an input that is too large for an event is stored apart. `bytes` is the size of what
 * it came in, so that small ones are not written as JSON to be measured. What is stored for a job that is then not
 * requested is removed by age.
 * @throws LogUnavailable, Refusal payloads_full, too_many_payload_bytes
 */
export async function storeInput(
  deps: StoreInputDeps,
  order: JobOrder,
  { tenantId, jobId, bytes }: { tenantId: string; jobId: string; bytes: number },
): Promise<JobOrder> {
  if (order.inputRef || bytes <= deps.inlinePayloadBytes) return order;
  const json = Buffer.from(JSON.stringify(order.input));
  if (json.length <= deps.inlinePayloadBytes) return order;
  return { ...order, inputRef: await putJson(deps.bus, { tenantId, jobId, json, room: deps.inputRoom }) };
}

/** Stores JSON that is too large for an event. @throws LogUnavailable, Refusal payloads_full, too_many_payload_bytes */
export async function putJson(
  bus: StoreInputDeps['bus'],
  { json, ...about }: { tenantId: string; jobId: string; json: Buffer; room: PayloadRoom },
): Promise<PayloadRef> {
  try {
    return await bus.payloads.put({ ...about, contentType: JSON_TYPE, body: [json] });
  } catch (error) {
    if (error instanceof PayloadShareUsed) throw new Refusal('too_many_payload_bytes');
    throw error instanceof PayloadsFull ? new Refusal('payloads_full') : error;
  }
}

/** Who asks for a job, when, and how long the log may take to acknowledge it. */
export interface RequestOrigin {
  readonly caller: Pick<Caller, 'name' | 'tenantId'>;
  readonly nowMs: number;
  readonly traceparent: string | undefined;
  readonly appendTimeoutMs: number;
}

/**
 * The append that makes an ordered job exist, as the first event under its id. Its data has the order of the schema, in
 * which readers recognize it without a check of the whole.
 */
export function jobRequestOf(order: JobOrder, jobId: string, origin: RequestOrigin): AppendRequest {
  const { contract, resource, metadata, times, source, retryOf, schedule } = order;
  const { webhook, priority, concurrency } = order;
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
        ...asked,
        metadata,
        source,
        requested_by: name,
        ...times,
        ...(retryOf === undefined ? {} : { retry_of: retryOf }),
        ...(schedule === undefined ? {} : { schedule }),
        ...(webhook === undefined ? {} : { webhook }),
        ...(priority === undefined ? {} : { priority }),
        ...(concurrency === undefined ? {} : { concurrency }),
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
    deadlineMs: origin.appendTimeoutMs,
  };
}
