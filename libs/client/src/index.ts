/// <reference lib="esnext.disposable" preserve="true" />

export type { Bulk, BulkFilter, BulkListOptions, BulkStartOptions } from './bulk/bulk.ts';
export type { BulkAction, BulkFailure, BulkKind } from './bulk/bulk-action.ts';
export { createErrand, type Errand, type ErrandOptions } from './errand.ts';
export {
  ApiError,
  ConnectionError,
  ErrandError,
  type InputError,
  JobFailedError,
  ResponseError,
  UsageError,
  WaitTimeoutError,
} from './errors.ts';
export type { Page, Pages } from './http/pages.ts';
export type { RetryOptions, RetryPolicy } from './http/retry.ts';
export type { ActionContract, ActionTypes, AnyActions } from './jobs/actions.ts';
export type { CancelOptions, CancelOutcome } from './jobs/cancel.ts';
export type { Ending, EndingType, Feed, FeedOptions } from './jobs/feed.ts';
export {
  type AcceptedJob,
  type EndedJob,
  type FailedJob,
  isEnded,
  type JobFault,
  type JobRef,
  type JobStatus,
  type JobSummary,
  type ResultLink,
  type SucceededJob,
  unwrap,
} from './jobs/job.ts';
export type { EventsOptions, JobEvent, KnownJobEvent } from './jobs/job-events.ts';
export type {
  FollowLogsOptions,
  JobLogDropped,
  JobLogEntry,
  JobLogLine,
  JobLogOutput,
  LogsOptions,
} from './jobs/job-logs.ts';
export type { JobFilter } from './jobs/list-jobs.ts';
export { resourceParameters } from './jobs/resource-paths.ts';
export type { ResultDownload } from './jobs/result.ts';
export type {
  BatchItem,
  BatchOutcome,
  CallOptions,
  JobOptions,
  RetryJobOptions,
  SendOptions,
  Validation,
} from './jobs/run.ts';
export type { DurationPercentiles, JobCounts, JobStats, StatsOptions } from './jobs/stats.ts';
export type { WaitOptions } from './jobs/wait.ts';
export type { KeyDraft, KeyRotation, Keys, ListedKey, NewKey, TenantKey } from './keys.ts';
export type { NewPortalSession, Portal, PortalOptions, PortalSession } from './portal.ts';
export type {
  Schedule,
  ScheduleCatchUp,
  ScheduleOverlap,
  SchedulePreview,
  ScheduleTick,
} from './schedules/schedule.ts';
export type { ScheduleChange, ScheduleDraft, ScheduleListOptions, Schedules } from './schedules/schedules.ts';
export type { ChildToken, TokenOptions } from './tokens.ts';
export type { DeliveryFilter, ReplayOptions, TenantDeliveryFilter } from './webhooks/deliveries.ts';
export { type VerifiedWebhook, verifyWebhook, type WebhookHeaders } from './webhooks/verify-webhook.ts';
export type {
  Delivery,
  DeliveryAttempt,
  DeliveryStatus,
  EndpointChange,
  EndpointDraft,
  EndpointTrial,
  Redelivery,
  Replay,
  ReplayKind,
  Signer,
  StartedReplay,
  WatchedEndpoint,
  WebhookEndpoint,
  WebhookEventFilter,
  WithSecret,
} from './webhooks/webhook-endpoint.ts';
export type { EndpointNews, EndpointTest, JobEnded, WebhookEvent } from './webhooks/webhook-event.ts';
export type { RotateOptions, Webhooks } from './webhooks/webhooks.ts';
