import type { WebhookEndpoint } from '@errand/contracts';
import { freePort } from '@errand/local-servers';
import { waitUntil } from '@errand/testkit';
import { endJobs, openJobs } from '../../tests/webhook-faults/open-jobs.ts';
import type { RemoteReceiver } from '../../tests/webhook-faults/remote-receiver.ts';
import type { WebhookSystem } from '../../tests/webhook-faults/webhook-system.ts';
import { parkDeliveries } from './webhooks-park.ts';

/*
 * The neighbours of healthy endpoints: one that is dead, and those that accept a request and never answer.
 */

export const ENDPOINTS_PER_TENANT = 10;
const HANGING_TENANTS = 10;
/** Endings for each hanging tenant: its endpoints have this many deliveries each. */
const HANGING_ENDINGS = 20;
const OPEN_TIMEOUT_MS = 150_000;

/** Endpoints of tenants, spread over a receiver's ports. */
export function endpointsOf(tenantIds: readonly string[], { urls }: RemoteReceiver) {
  return tenantIds.flatMap((tenant_id) =>
    Array.from({ length: ENDPOINTS_PER_TENANT }, (_, index) => ({
      tenant_id,
      url: `${urls[index % urls.length]}/${tenant_id}/${index}`,
    })),
  );
}

/** An endpoint where nobody listens, with deliveries waiting for it; resolves once its breaker is open. */
export async function parkForDead(system: WebhookSystem, rows: number): Promise<WebhookEndpoint> {
  const url = `http://127.0.0.1:${await freePort()}/dead`;
  const [dead] = await system.addEndpoints([{ tenant_id: 'dead', url }]);
  if (!dead) throw new Error('the dead endpoint was not registered');
  await parkDeliveries(system.db, dead, rows);
  await untilBreakersOpen(system, [dead]);
  return dead;
}

/** 100 hanging endpoints with their own deliveries; resolves when each holds a slot. */
export async function beginHanging(
  system: WebhookSystem,
  hanging: RemoteReceiver,
  turn: number,
): Promise<WebhookEndpoint[]> {
  const tenantIds = Array.from({ length: HANGING_TENANTS }, (_, index) => `hanging-${turn}-${index}`);
  const endpoints = await system.addEndpoints(endpointsOf(tenantIds, hanging));
  const endings = Array.from({ length: HANGING_ENDINGS }, () => tenantIds).flat();
  await endJobs(system.bus, await openJobs(system.bus, endings));
  await waitUntil(async () => (await hanging.open()) >= endpoints.length, { timeoutMs: 30_000 });
  return endpoints;
}

/** Unregisters hanging endpoints; resolves when nothing of them is left. */
export async function endHanging(
  system: WebhookSystem,
  hanging: RemoteReceiver,
  endpoints: readonly WebhookEndpoint[],
): Promise<void> {
  await system.removeEndpoints(endpoints);
  const ids = endpoints.map(({ endpoint_id }) => endpoint_id);
  const isOver = async () => {
    await hanging.drop();
    const pending = system.db.selectFrom('webhook_delivery').where('state', '=', 'pending');
    const left = await pending.where('endpoint_id', 'in', ids).select('event_id').limit(1).execute();
    return left.length === 0 && (await hanging.open()) === 0;
  };
  await waitUntil(isOver, { timeoutMs: 60_000, intervalMs: 250 });
}

export async function untilBreakersOpen({ db }: WebhookSystem, endpoints: readonly WebhookEndpoint[]) {
  const ids = endpoints.map(({ endpoint_id }) => endpoint_id);
  const areOpen = async () => {
    const states = db.selectFrom('webhook_endpoint_state').where('endpoint_id', 'in', ids);
    const open = await states.where('breaker', '!=', 'closed').select('endpoint_id').execute();
    if (open.length < ids.length) throw new Error(`${open.length} of ${ids.length} breakers are open`);
    return true;
  };
  await waitUntil(areOpen, { timeoutMs: OPEN_TIMEOUT_MS, intervalMs: 500 });
}
