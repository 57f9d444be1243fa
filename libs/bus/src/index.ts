export type { AppendOutcome, AppendRequest } from './append/append.ts';
export { backUp } from './backup/back-up.ts';
export { openFolder } from './backup/folder.ts';
export { streamStore, unpack } from './backup/one-stream.ts';
export { restore } from './backup/restore.ts';
export { BackupUnusable } from './backup/store.ts';
export type { Bucket, WatchedBucket } from './buckets/buckets.ts';
export type { ValueSchema } from './buckets/entries.ts';
export type { Heartbeats } from './buckets/heartbeats.ts';
export { type Bus, openBus } from './bus.ts';
export type { ProjectionHandlers, SchedulerHandlers, WebhookHandlers } from './commands/commands.ts';
export type { ConfigEntry } from './config/config-log.ts';
export type { RecordedBucket } from './config/recorded-bucket.ts';
export { provisionServer } from './connect/until-provisioned.ts';
export type { Work } from './consume/consume-work.ts';
export type { DeadLetter } from './consume/dead-letters.ts';
export type { Verdict } from './consume/pull-messages.ts';
export type { ConsumerStanding } from './consume/standings.ts';
export { createWorkCount, type WorkCount } from './consume/work-count.ts';
export {
  EventTooLarge,
  HistoryOutOfReach,
  LogFull,
  LogUnavailable,
  PayloadBroken,
  PayloadShareUsed,
  PayloadsFull,
  PayloadTooLarge,
  UnfitServer,
} from './errors.ts';
export type { ReaderPosition, Step } from './in-order/options.ts';
export type { JobLogWriter } from './job-logs/job-logs.ts';
export { createFollower } from './lead/follow-lead.ts';
export type { Lead, LeadLog, LedOutcome } from './lead/lead-log.ts';
export type { PayloadRoom } from './payloads/payload-room.ts';
export type { NewPayload, OpenedPayload, Payloads } from './payloads/payloads.ts';
export { decodeText, type Unreadable } from './read/event-codec.ts';
export type { AuditEntry, AuditPage } from './read/read-audit.ts';
export type { HistoryLimits } from './read/read-history.ts';
export { mayHaveLeft } from './read/read-left.ts';
export type { StoredLink } from './read/read-links.ts';
export type { StoredEvent } from './read/stored-events.ts';
export { type MirrorState, mirrorSite } from './standby/mirror-site.ts';
export { promote } from './standby/promote.ts';
