import { askWebhooks } from '../../webhooks/deliveries/ask-webhooks.ts';
import { DONE, type HandleItem } from './item.ts';

/**
 * Makes all deliveries about a job due again. One that is still due then is made once; one that was made since is made
 * again, under the same `webhook-id`.
 */
export const redeliverItem: HandleItem = async ({ webhooks }, { action, jobId }) => {
  const { tenant_id } = action;
  const deliveries = await webhooks.deliveries.ofJob(tenant_id, jobId);
  if (deliveries.length === 0) return { kind: 'skipped', reason: 'no_deliveries' };
  for (const { event_id, endpoint_id } of deliveries) {
    const request = { tenant_id, event_id, endpoint_id };
    await askWebhooks({ env: { reason: undefined } }, webhooks, { command: 'redeliver', request });
  }
  return DONE;
};
