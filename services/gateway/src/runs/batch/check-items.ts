import type { InputError } from '@errand/contracts';
import { createSteps } from '@errand/json-schema';
import type { AddressedAction } from '../../actions/find-action.ts';
import { jobRequestOf, type RequestOrigin } from '../request-job.ts';
import type { JobOrder } from '../run-options.ts';
import type { RunDeps } from '../runs-group.ts';
import { type BatchItem, checkBatchBody, type SentBatchBody } from './batch-order.ts';

/**
 * An item whose event the log could not take is found out here, since half a batch cannot be taken back. A large input
 * is not in its event.
 */
export function checkItems(
  deps: RunDeps,
  sent: SentBatchBody & { addressed: AddressedAction; origin: RequestOrigin },
): Promise<BatchItem[]> {
  const { addressed, origin } = sent;
  const { entry, resource } = addressed;
  const { maxLifeMs, defaultLifeMs, urlRules } = deps.runs;
  const { nowMs } = origin;
  const context = { entry, resource, nowMs, maxLifeMs, defaultLifeMs, urlRules, steps: createSteps() };
  return checkBatchBody(sent, context, (order) => eventError(order, origin, deps));
}

function eventError(order: JobOrder, origin: RequestOrigin, { http, runs }: RunDeps): InputError | undefined {
  // Any id will do to measure with.
  const { event } = jobRequestOf(order, '00000000-0000-7000-8000-000000000000', origin);
  const inputBytes = Buffer.byteLength(JSON.stringify(order.input));
  const isApart = inputBytes > runs.inlinePayloadBytes;
  const eventBytes = Buffer.byteLength(JSON.stringify(event)) - (isApart ? inputBytes : 0);
  if (inputBytes <= http.maxBodyBytes && eventBytes <= runs.maxEventBytes()) return undefined;
  return { pointer: '#', code: 'too_large', detail: 'exceeds the size limit of a run' };
}
