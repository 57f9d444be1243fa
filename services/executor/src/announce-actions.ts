import { isDeepStrictEqual } from 'node:util';
import type { Action } from '@errand/actions';
import { type Bus, openBucket } from '@errand/bus';
import { ActionContract, BUCKETS } from '@errand/contracts';

/** Tells the gateways which actions there are. A contract that has not changed is not written again. */
export async function announceActions(bus: Bus, actions: readonly Action[]): Promise<void> {
  const bucket = await openBucket(bus.nc, BUCKETS.actions, ActionContract);
  for (const { contract } of actions) {
    const known = await bucket.get(contract.name);
    if (!isDeepStrictEqual(known, contract)) await bucket.put(contract.name, contract);
  }
}
