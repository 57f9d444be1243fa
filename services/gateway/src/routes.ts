import { deleteAction } from './actions/delete-action.route.ts';
import { getAction } from './actions/get-action.route.ts';
import { listActions } from './actions/list-actions.route.ts';
import { createKey } from './admin/create-key.route.ts';
import { deleteKey } from './admin/delete-key.route.ts';
import { exportAudit } from './admin/export-audit.route.ts';
import { getKeyUsage } from './admin/get-key-usage.route.ts';
import { listDeadLetters } from './admin/list-dead-letters.route.ts';
import { listExecutors } from './admin/list-executors.route.ts';
import { listKeys } from './admin/list-keys.route.ts';
import { putTenant } from './admin/put-tenant.route.ts';
import { cancelRebuild, getRebuild, startRebuild } from './admin/rebuild.route.ts';
import { redriveDeadLetter } from './admin/redrive-dead-letter.route.ts';
import { verify } from './admin/verify.route.ts';
import { readFeed } from './feed/get-feed.route.ts';
import { cancelActionJob, cancelJob } from './jobs/cancel-job.route.ts';
import { getJob } from './jobs/get-job.route.ts';
import { downloadResult } from './jobs/get-result.route.ts';
import { getStatus } from './jobs/get-status.route.ts';
import { listJobEvents } from './jobs/history/get-events.route.ts';
import { listJobs } from './jobs/list/list-jobs.route.ts';
import { runBatch } from './runs/batch/run-batch.route.ts';
import { retryJob } from './runs/retry.route.ts';
import { runAction } from './runs/run.route.ts';
import { getDocs, getDocsFile } from './service/get-docs.route.ts';
import { getOpenapi } from './service/get-openapi.route.ts';
import { getHealth, getMetrics, getReadiness } from './service/get-ops.route.ts';
import { getDelivery, listAttempts } from './webhooks/deliveries/get-delivery.route.ts';
import { listDeliveries } from './webhooks/deliveries/list-deliveries.route.ts';
import { listJobDeliveries } from './webhooks/deliveries/list-job-deliveries.route.ts';
import { testWebhook } from './webhooks/deliveries/probe-endpoint.route.ts';
import { redeliver } from './webhooks/deliveries/redeliver.route.ts';
import { changeWebhook } from './webhooks/endpoints/change-endpoint.route.ts';
import { createWebhook } from './webhooks/endpoints/create-endpoint.route.ts';
import { deleteWebhook } from './webhooks/endpoints/delete-endpoint.route.ts';
import { getWebhook } from './webhooks/endpoints/get-endpoint.route.ts';
import { listWebhooks } from './webhooks/endpoints/list-endpoints.route.ts';
import { pauseWebhook, resumeWebhook } from './webhooks/endpoints/pause-endpoint.route.ts';
import { rotateWebhookSecret } from './webhooks/endpoints/secrets/rotate-secret.route.ts';
import { getJobSigner } from './webhooks/job-signer/get-job-signer.route.ts';
import { rotateJobSignerSecret } from './webhooks/job-signer/rotate-job-signer-secret.route.ts';
import { cancelReplay } from './webhooks/replays/cancel-replay.route.ts';
import { getReplay, listReplays } from './webhooks/replays/get-replay.route.ts';
import { startReplay } from './webhooks/replays/start-replay.route.ts';

/** Every route whose path is fixed, in the order of the OpenAPI document. */
export const routes = [
  listJobs,
  getJob,
  listJobEvents,
  downloadResult,
  cancelJob,
  retryJob,
  readFeed,
  listActions,
  getAction,
  createWebhook,
  listWebhooks,
  getWebhook,
  changeWebhook,
  deleteWebhook,
  pauseWebhook,
  resumeWebhook,
  rotateWebhookSecret,
  getJobSigner,
  rotateJobSignerSecret,
  testWebhook,
  listDeliveries,
  listJobDeliveries,
  getDelivery,
  listAttempts,
  redeliver,
  startReplay,
  listReplays,
  getReplay,
  cancelReplay,
  putTenant,
  createKey,
  listKeys,
  deleteKey,
  getKeyUsage,
  deleteAction,
  listExecutors,
  listDeadLetters,
  redriveDeadLetter,
  startRebuild,
  getRebuild,
  cancelRebuild,
  verify,
  exportAudit,
  getHealth,
  getReadiness,
  getMetrics,
  getOpenapi,
  getDocs,
  getDocsFile,
];

/** The routes of every action, at its own path. */
export const actionRoutes = [runAction, runBatch, getStatus, cancelActionJob];
