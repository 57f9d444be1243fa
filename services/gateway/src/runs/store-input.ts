import { type Bus, PayloadsFull } from '@errand/bus';
import { JSON_TYPE } from '@errand/contracts';
import { Refusal } from '../http/problem.ts';
import type { JobOrder } from './run-options.ts';

export interface StoreInputDeps {
  readonly bus: { readonly payloads: Pick<Bus['payloads'], 'put'> };
  readonly inlinePayloadBytes: number;
}

/**
 * The order as it can be requested: an input that is too large for an event is stored apart. `bytes` is the size of what
 * it came in, so that small ones are not written as JSON to be measured. What is stored for a job that is then not
 * requested is removed by age.
 * @throws LogUnavailable, Refusal payloads_full
 */
export async function storeInput(
  deps: StoreInputDeps,
  order: JobOrder,
  { tenantId, jobId, bytes }: { tenantId: string; jobId: string; bytes: number },
): Promise<JobOrder> {
  if (order.inputRef || bytes <= deps.inlinePayloadBytes) return order;
  const json = Buffer.from(JSON.stringify(order.input));
  if (json.length <= deps.inlinePayloadBytes) return order;
  try {
    const inputRef = await deps.bus.payloads.put({ tenantId, jobId, contentType: JSON_TYPE, body: [json] });
    return { ...order, inputRef };
  } catch (error) {
    throw error instanceof PayloadsFull ? new Refusal('payloads_full') : error;
  }
}
