import type { Authenticator, Handler, TenantHandler } from './middleware/authenticate.ts';
import { withoutParameters } from './query-reader.ts';
import { cancelReplay } from './routes/cancel-replay.ts';
import { changeWebhook } from './routes/change-webhook.ts';
import { createWebhook } from './routes/create-webhook.ts';
import { deleteWebhook } from './routes/delete-webhook.ts';
import { getDelivery, listAttempts } from './routes/get-delivery.ts';
import { getJobSigner } from './routes/get-job-signer.ts';
import { getReplay, listReplays } from './routes/get-replay.ts';
import { getWebhook } from './routes/get-webhook.ts';
import { listDeliveries } from './routes/list-deliveries.ts';
import { listJobDeliveries } from './routes/list-job-deliveries.ts';
import { listWebhooks } from './routes/list-webhooks.ts';
import { pauseWebhook, resumeWebhook } from './routes/pause-webhook.ts';
import { redeliver } from './routes/redeliver.ts';
import { rotateJobSignerSecret } from './routes/rotate-job-signer-secret.ts';
import { rotateWebhookSecret } from './routes/rotate-webhook-secret.ts';
import { startReplay } from './routes/start-replay.ts';
import { testWebhook } from './routes/test-webhook.ts';
import type { TenantReads } from './tenant-reads.ts';

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
