import type { Authenticator, Handler } from './middleware/authenticate.ts';
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

type Deps<H extends (deps: never) => unknown> = Parameters<H>[0];

type WebhookDeps = Deps<typeof createWebhook> &
  Deps<typeof getWebhook> &
  Deps<typeof listDeliveries> &
  Deps<typeof listJobDeliveries> &
  Deps<typeof getReplay> &
  Deps<typeof testWebhook>;

type Handlers = Partial<Record<'GET' | 'POST' | 'PATCH' | 'DELETE', Handler>>;

/** The part of the API that is about webhooks, by path below a tenant. Of two paths that fit, the first one counts. */
export function webhookRoutes(asTenant: Authenticator['asTenant'], deps: WebhookDeps): [string, Handlers][] {
  return [
    ['/webhooks', { POST: asTenant(createWebhook(deps)), GET: asTenant(listWebhooks(deps)) }],
    ['/webhooks/job', { GET: asTenant(getJobSigner(deps)) }],
    ['/webhooks/job/rotate-secret', { POST: asTenant(rotateJobSignerSecret(deps)) }],
    [
      '/webhooks/:endpoint_id',
      {
        GET: asTenant(getWebhook(deps)),
        PATCH: asTenant(changeWebhook(deps)),
        DELETE: asTenant(deleteWebhook(deps)),
      },
    ],
    ['/webhooks/:endpoint_id/pause', { POST: asTenant(pauseWebhook(deps)) }],
    ['/webhooks/:endpoint_id/resume', { POST: asTenant(resumeWebhook(deps)) }],
    ['/webhooks/:endpoint_id/rotate-secret', { POST: asTenant(rotateWebhookSecret(deps)) }],
    ['/webhooks/:endpoint_id/test', { POST: asTenant(testWebhook(deps)) }],
    ['/webhooks/:endpoint_id/deliveries', { GET: asTenant(listDeliveries(deps)) }],
    [
      '/webhooks/:endpoint_id/replays',
      { POST: asTenant(startReplay(deps)), GET: asTenant(listReplays(deps)) },
    ],
    ['/webhooks/:endpoint_id/replays/:replay_id', { GET: asTenant(getReplay(deps)) }],
    ['/webhooks/:endpoint_id/replays/:replay_id/cancel', { POST: asTenant(cancelReplay(deps)) }],
    ['/deliveries/:delivery_id', { GET: asTenant(getDelivery(deps)) }],
    ['/deliveries/:delivery_id/attempts', { GET: asTenant(listAttempts(deps)) }],
    ['/deliveries/:delivery_id/redeliver', { POST: asTenant(redeliver(deps)) }],
    ['/jobs/:job_id/deliveries', { GET: asTenant(listJobDeliveries(deps)) }],
  ];
}
