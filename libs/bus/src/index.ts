export type { AppendOutcome, AppendRequest } from './append.ts';
export { type Bucket, openBucket, type WatchedBucket, watchBucket } from './buckets.ts';
export { type Bus, openBus } from './bus.ts';
export type { ProjectionHandlers, SchedulerHandlers, WebhookHandlers } from './commands.ts';
export { consumeBatches, type RefusedEvent } from './consume-batches.ts';
export { consumeWork, type Work } from './consume-work.ts';
export type { DeadLetter } from './dead-letters.ts';
export {
  EventTooLarge,
  HistoryOutOfReach,
  LogFull,
  LogUnavailable,
  PayloadBroken,
  PayloadsFull,
  PayloadTooLarge,
  UnfitServer,
} from './errors.ts';
export { decodeText, type Unreadable } from './event-codec.ts';
export { type Heartbeats, watchHeartbeats } from './heartbeats.ts';
export type { NewPayload, OpenedPayload, Payloads } from './payloads.ts';
export { provisionConsumer, removeConsumer } from './provision.ts';
export type { Verdict } from './pull-messages.ts';
export type { AuditEntry, AuditPage } from './read-audit.ts';
export type { HistoryLimits } from './read-history.ts';
export type { StoredLink } from './read-links.ts';
export type { ConsumerStanding } from './standings.ts';
export type { StoredEvent } from './stored-events.ts';
export type { VerifyHandler } from './verify-command.ts';
export { removeVersionOne } from './version-one.ts';
export { createWorkCount, type WorkCount } from './work-count.ts';
