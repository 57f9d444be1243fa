/// <reference lib="esnext.disposable" preserve="true" />
export type { ActionContract, ActionTypes, AnyActions } from './actions.ts';
export type { CancelOptions, CancelOutcome } from './cancel.ts';
export type { DeliveryFilter, ReplayOptions } from './deliveries.ts';
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
export type { Ending, EndingType, Feed, FeedOptions } from './feed.ts';
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
} from './job.ts';
export type { EventsOptions, JobEvent, KnownJobEvent } from './job-events.ts';
export type { JobFilter } from './list-jobs.ts';
export type { Page, Pages } from './pages.ts';
export { resourceParameters } from './resource-paths.ts';
export type { ResultDownload } from './result.ts';
export type { RetryOptions, RetryPolicy } from './retry.ts';
export type {
  BatchItem,
  BatchOutcome,
  CallOptions,
  JobOptions,
  SendOptions,
  Validation,
} from './run.ts';
export { type VerifiedWebhook, verifyWebhook, type WebhookHeaders } from './verify-webhook.ts';
export type { WaitOptions } from './wait.ts';
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
} from './webhook-endpoint.ts';
export type { EndpointNews, EndpointTest, JobEnded, WebhookEvent } from './webhook-event.ts';
export type { RotateOptions, Webhooks } from './webhooks.ts';
