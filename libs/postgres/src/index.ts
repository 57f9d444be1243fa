export { type Database, type DatabaseOptions, type Db, isReachable, openDatabase } from './connect.ts';
export { createDailyPartitions, type DailyPartitions, lockPartitions } from './daily-partitions.ts';
export { createDatabaseClock } from './database-clock.ts';
export { forgetLateAttempts, forgetTenantRows } from './forget-tenant.ts';
export { createJobStatsTables } from './job-stats/definition.ts';
export { DURATION_BOUNDS_MS, durationsOfBin, NEVER_STARTED } from './job-stats/duration-bins.ts';
export { JOB_SUMMARY_COLUMN_NAMES, type JobSummaryTable, jobSummaryColumns } from './job-summary/columns.ts';
export {
  addMissingColumns,
  createJobSummaryIndexes,
  createJobSummaryTable,
} from './job-summary/definition.ts';
export {
  type JobSummaryRow,
  type ProjectedJob,
  rowOfState,
  stateOfRow,
  throughRow,
} from './job-summary/job-summary-rows.ts';
export { type LogReaderPosition, openLogPosition, readLogPosition } from './log-position.ts';
export { migrate, migratePatiently } from './migrate.ts';
export { copyLine, type DbSession, openSession } from './open-session.ts';
export { grantRoles, type RoleNames } from './roles.ts';
export type { JobStatsTable } from './schema/job-stats.ts';
export type { ProjectionRebuildTable, RebuildState } from './schema/projection-rebuild.ts';

export type { TenantDeletionTable } from './schema/tenant-deletion.ts';
export type { VerificationTable } from './schema/verification.ts';
export {
  type AttemptTrigger,
  DELIVERY_STATES,
  type DeliveryState,
  type EndpointHealth,
  type RoundTrigger,
} from './schema/webhooks.ts';
export { receiverOf } from './webhooks/webhook-receiver.ts';
export { shardOf } from './webhooks/webhook-shard.ts';
