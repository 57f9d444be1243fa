export { type Database, type DatabaseOptions, type Db, isReachable, openDatabase } from './connect.ts';
export { createDailyPartitions, type DailyPartitions } from './daily-partitions.ts';
export { type JobSummaryRow, rowOfState, stateOfRow } from './job-summary-rows.ts';
export { migrate, migratePatiently } from './migrate.ts';
export type { JobSummaryTable } from './schema/job-summary.ts';
export {
  type AttemptTrigger,
  DELIVERY_STATES,
  type DeliveryState,
  type EndpointHealth,
  type RoundTrigger,
} from './schema/webhooks.ts';
export { shardOf } from './webhook-shard.ts';
