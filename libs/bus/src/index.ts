export type { AppendOutcome, AppendRequest } from './append.ts';
export { type Bucket, openBucket, type WatchedBucket, watchBucket } from './buckets.ts';
export { type Bus, openBus } from './bus.ts';
export { consumeBatches } from './consume-batches.ts';
export { consumeWork, type Verdict, type Work } from './consume-work.ts';
export { EventTooLarge, LogUnavailable, UnfitServer } from './errors.ts';
export type { Unreadable } from './event-codec.ts';
export { provisionConsumer } from './provision.ts';
