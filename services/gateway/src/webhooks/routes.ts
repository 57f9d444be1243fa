import type { Authenticator, Handler, TenantHandler } from '../http/authenticate.ts';
import { withoutParameters } from '../http/read-query.ts';
import type { TenantReads } from '../load/tenant-reads.ts';
import { getDelivery, listAttempts } from './deliveries/get-delivery.route.ts';
import { listDeliveries } from './deliveries/list-deliveries.route.ts';
import { listJobDeliveries } from './deliveries/list-job-deliveries.route.ts';
import { testWebhook } from './deliveries/probe-endpoint.route.ts';
import { redeliver } from './deliveries/redeliver.route.ts';
import { changeWebhook } from './endpoints/change-endpoint.route.ts';
import { createWebhook } from './endpoints/create-endpoint.route.ts';
import { deleteWebhook } from './endpoints/delete-endpoint.route.ts';
import { getWebhook } from './endpoints/get-endpoint.route.ts';
import { getJobSigner } from './endpoints/get-job-signer.route.ts';
import { listWebhooks } from './endpoints/list-endpoints.route.ts';
import { pauseWebhook, resumeWebhook } from './endpoints/pause-endpoint.route.ts';
import { rotateJobSignerSecret } from './endpoints/rotate-job-signer-secret.route.ts';
import { rotateWebhookSecret } from './endpoints/rotate-secret.route.ts';
import { cancelReplay } from './replays/cancel-replay.route.ts';
import { getReplay, listReplays } from './replays/get-replay.route.ts';
import { startReplay } from './replays/start-replay.route.ts';

type Deps<H extends (deps: never) => unknown> = Parameters<H>[0];

type WebhookDeps = Deps<typeof createWebhook> &
  Deps<typeof getWebhook> &
  Deps<typeof listDeliveries> &
  Deps<typeof listJobDeliveries> &
  Deps<typeof getReplay> &
  Deps<typeof testWebhook> & { readonly reads: TenantReads };

type Handlers = Partial<Record<'GET' | 'POST' | 'PATCH' | 'DELETE', Handler>>;

/** The part of the API that is about webhooks, by path below a tenant. Of two paths that fit, the first one counts. */
export function webhookRoutes(asTenant: Authenticator['asTenant'], deps: WebhookDeps): [string, Handlers][] {
  // Only the list of deliveries has parameters in its query.
  const plain = (handler: TenantHandler) => asTenant(withoutParameters(handler));
  const list = (handler: TenantHandler) => asTenant(deps.reads.limited(handler));
  const plainList = (handler: TenantHandler) => list(withoutParameters(handler));
  return [
    ['/webhooks', { POST: plain(createWebhook(deps)), GET: plainList(listWebhooks(deps)) }],
    ['/webhooks/job', { GET: plain(getJobSigner(deps)) }],
    ['/webhooks/job/rotate-secret', { POST: plain(rotateJobSignerSecret(deps)) }],
    [
      '/webhooks/:endpoint_id',
      {
        GET: plain(getWebhook(deps)),
        PATCH: plain(changeWebhook(deps)),
        DELETE: plain(deleteWebhook(deps)),
      },
    ],
    ['/webhooks/:endpoint_id/pause', { POST: plain(pauseWebhook(deps)) }],
    ['/webhooks/:endpoint_id/resume', { POST: plain(resumeWebhook(deps)) }],
    ['/webhooks/:endpoint_id/rotate-secret', { POST: plain(rotateWebhookSecret(deps)) }],
    ['/webhooks/:endpoint_id/test', { POST: plain(testWebhook(deps)) }],
    ['/webhooks/:endpoint_id/deliveries', { GET: list(listDeliveries(deps)) }],
    ['/webhooks/:endpoint_id/replays', { POST: plain(startReplay(deps)), GET: plainList(listReplays(deps)) }],
    ['/webhooks/:endpoint_id/replays/:replay_id', { GET: plain(getReplay(deps)) }],
    ['/webhooks/:endpoint_id/replays/:replay_id/cancel', { POST: plain(cancelReplay(deps)) }],
    ['/deliveries/:delivery_id', { GET: plain(getDelivery(deps)) }],
    ['/deliveries/:delivery_id/attempts', { GET: plainList(listAttempts(deps)) }],
    ['/deliveries/:delivery_id/redeliver', { POST: plain(redeliver(deps)) }],
    ['/jobs/:job_id/deliveries', { GET: plainList(listJobDeliveries(deps)) }],
  ];
}
