import { deleteAction, getAction, listActions, pauseAction, resumeAction } from './actions/actions.route.ts';
import {
  discardDeadLetter,
  getDeadLetter,
  listDeadLetters,
  redriveDeadLetter,
} from './admin/dead-letters.route.ts';
import { deleteTenant, getDeletion } from './admin/delete-tenant.route.ts';
import { exportAudit } from './admin/export-audit.route.ts';
import { getDemand } from './admin/get-demand.route.ts';
import { createKey, deleteKey, getKeyUsage, listKeys, putKey, rotateKey } from './admin/keys.route.ts';
import { listAudit } from './admin/list-audit.route.ts';
import { listExecutors } from './admin/list-executors.route.ts';
import { cancelRebuild, getRebuild, startRebuild } from './admin/rebuild.route.ts';
import { getTenant, listTenants, pauseTenant, putTenant, resumeTenant } from './admin/tenants.route.ts';
import {
  cancelVerification,
  getVerification,
  listVerifications,
  startVerification,
} from './admin/verifications.route.ts';
import {
  abortBulkAction,
  getBulkAction,
  listBulkActions,
  resumeBulkAction,
} from './bulk/bulk-actions.route.ts';
import { startBulkAction } from './bulk/start-bulk-action.route.ts';
import {
  getCallback,
  postCallback,
  putCallback,
  reportCallbackProgress,
} from './callbacks/callbacks.route.ts';
import { readChanges } from './feed/get-changes.route.ts';
import { readFeed } from './feed/get-feed.route.ts';
import { cancelActionJob, cancelJob } from './jobs/cancel-job.route.ts';
import { downloadInput } from './jobs/get-input.route.ts';
import { getJob, getStatus } from './jobs/get-job.route.ts';
import { downloadResult } from './jobs/get-result.route.ts';
import { listJobEvents } from './jobs/history/get-events.route.ts';
import { listJobs } from './jobs/list/list-jobs.route.ts';
import { readJobLog } from './jobs/logs/get-logs.route.ts';
import { createChildToken } from './keys/child-tokens.route.ts';
import { createOwnKey, deleteOwnKey, listOwnKeys, rotateOwnKey } from './keys/own-keys.route.ts';
import { serveMcp } from './mcp/serve-mcp.route.ts';
import { createPortalSession } from './portal/create-portal-session.route.ts';
import { openPortal } from './portal/open-portal.route.ts';
import { listPortalSessions, revokePortalSession } from './portal/portal-sessions.route.ts';
import { runBatch } from './runs/batch/run-batch.route.ts';
import { getLimits } from './runs/get-limits.route.ts';
import { retryJob } from './runs/retry.route.ts';
import { runAction } from './runs/run.route.ts';
import { pauseSchedule, resumeSchedule, runSchedule } from './schedules/run-schedule.route.ts';
import {
  changeSchedule,
  createSchedule,
  deleteSchedule,
  getSchedule,
  listSchedules,
  previewSchedule,
} from './schedules/schedules.route.ts';
import { getDocs, getDocsFile } from './service/get-docs.route.ts';
import { getOpenapi } from './service/get-openapi.route.ts';
import { getHealth, getMetrics, getReadiness } from './service/get-ops.route.ts';
import { beginOidcSignIn, endOidcSignIn } from './session/oidc/oidc.route.ts';
import { beginSession, endSession, getSession } from './session/session.route.ts';
import { createSignInCode } from './session/sign-in-codes.route.ts';
import { getStats } from './stats/get-stats.route.ts';
import {
  getDelivery,
  listAttempts,
  listDeliveries,
  listJobDeliveries,
  listTenantDeliveries,
  redeliver,
} from './webhooks/deliveries/deliveries.route.ts';
import { testWebhook } from './webhooks/deliveries/send-test.route.ts';
import {
  changeWebhook,
  createWebhook,
  deleteWebhook,
  getWebhook,
  listWebhooks,
} from './webhooks/endpoints/endpoints.route.ts';
import { pauseWebhook, resumeWebhook } from './webhooks/endpoints/pause-endpoint.route.ts';
import { putWebhook } from './webhooks/endpoints/put-endpoint.route.ts';
import { resealSecrets } from './webhooks/endpoints/secrets/reseal.route.ts';
import { rotateWebhookSecret } from './webhooks/endpoints/secrets/rotate-secret.route.ts';
import { getJobSigner, rotateJobSignerSecret } from './webhooks/job-signer/job-signer.route.ts';
import { cancelReplay, getReplay, listReplays, startReplay } from './webhooks/replays/replays.route.ts';

/** Every route whose path is fixed, in the order of the OpenAPI document. */
export const routes = [
  serveMcp,
  listJobs,
  getJob,
  listJobEvents,
  readJobLog,
  downloadInput,
  downloadResult,
  cancelJob,
  retryJob,
  startBulkAction,
  listBulkActions,
  getBulkAction,
  abortBulkAction,
  resumeBulkAction,
  createSchedule,
  listSchedules,
  getSchedule,
  previewSchedule,
  changeSchedule,
  deleteSchedule,
  pauseSchedule,
  resumeSchedule,
  runSchedule,
  postCallback,
  putCallback,
  getCallback,
  reportCallbackProgress,
  readFeed,
  readChanges,
  getStats,
  listActions,
  getAction,
  createWebhook,
  listWebhooks,
  getWebhook,
  changeWebhook,
  putWebhook,
  deleteWebhook,
  pauseWebhook,
  resumeWebhook,
  rotateWebhookSecret,
  getJobSigner,
  rotateJobSignerSecret,
  testWebhook,
  listTenantDeliveries,
  listDeliveries,
  listJobDeliveries,
  getDelivery,
  listAttempts,
  redeliver,
  startReplay,
  listReplays,
  getReplay,
  cancelReplay,
  listTenants,
  putTenant,
  getTenant,
  deleteTenant,
  getDeletion,
  pauseTenant,
  resumeTenant,
  getLimits,
  createChildToken,
  createPortalSession,
  listPortalSessions,
  revokePortalSession,
  openPortal,
  createOwnKey,
  listOwnKeys,
  rotateOwnKey,
  deleteOwnKey,
  createKey,
  putKey,
  listKeys,
  rotateKey,
  deleteKey,
  getKeyUsage,
  deleteAction,
  pauseAction,
  resumeAction,
  listExecutors,
  getDemand,
  listDeadLetters,
  getDeadLetter,
  discardDeadLetter,
  redriveDeadLetter,
  startRebuild,
  getRebuild,
  cancelRebuild,
  resealSecrets,
  startVerification,
  listVerifications,
  getVerification,
  cancelVerification,
  exportAudit,
  listAudit,
  createSignInCode,
  beginSession,
  getSession,
  endSession,
  getHealth,
  getReadiness,
  getMetrics,
  getOpenapi,
  getDocs,
  getDocsFile,
];

/** Those of a gateway at which people sign in through a provider. */
export const oidcRoutes = [beginOidcSignIn, endOidcSignIn];

/** The routes of every action, at its own path. */
export const actionRoutes = [runAction, runBatch, getStatus, cancelActionJob];
