import { isDeepStrictEqual } from 'node:util';
import type { Action } from '@errand/actions';
import { type Bus, openBucket } from '@errand/bus';
import { ActionContract, BUCKETS } from '@errand/contracts';

/**
 * Tells the gateways of an action. A contract that has not changed is not written again.
 * @throws LogUnavailable
 */
export async function announceAction(bus: Bus, action: Action): Promise<void> {
  const contract = asStored(action);
  const bucket = await openBucket(bus.nc, BUCKETS.actions, ActionContract);
  const known = await bucket.get(contract.name);
  if (!isDeepStrictEqual(known, contract)) await bucket.put(contract.name, contract);
}

/**
 * Takes an action's route away, unless another executor has announced something else by that name meanwhile.
 * @throws LogUnavailable
 */
export async function withdrawAction(bus: Bus, action: Action): Promise<void> {
  const contract = asStored(action);
  const bucket = await openBucket(bus.nc, BUCKETS.actions, ActionContract);
  if (isDeepStrictEqual(await bucket.get(contract.name), contract)) await bucket.delete(contract.name);
}

/** JSON knows no -0 and no undefined: what is stored is compared with what it was written from. */
function asStored({ contract }: Action): ActionContract {
  return JSON.parse(JSON.stringify(contract)) as ActionContract;
}
