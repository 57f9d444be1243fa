export {
  ActionContract,
  ActionRecord,
  currentContract,
  LiveContract,
  MAX_LIVE_CONTRACTS,
  RESERVED_ACTION_NAMES,
} from './action-contract.ts';
export {
  BULK_KINDS,
  BULK_MAX_FAILURES,
  BULK_STATES,
  BulkAction,
  BulkCounts,
  BulkFailure,
  BulkFilter,
  type BulkKind,
} from './bulk-action.ts';
export { CLOCK_TOLERANCE_MS } from './clock-tolerance.ts';
export { CallbackKey, CallbackKeyAnswer, CallbackKeyRequest } from './commands/callback-key.ts';
export type { CommandAnswer, CommandRequest, CommandSet } from './commands/commands.ts';
export {
  PROJECTION_COMMANDS,
  type ProjectionAnswer,
  type ProjectionCommand,
  type ProjectionRequest,
  RebuildProgress,
  TenantDeletion,
} from './commands/projection-commands.ts';
export {
  ActionDemand,
  EXECUTOR_PROTOCOL,
  ExecutorHeartbeat,
  SCHEDULER_COMMANDS,
  type SchedulerAnswer,
  type SchedulerRequest,
  type WorkSource,
} from './commands/scheduler-commands.ts';
export {
  FINDING_KINDS,
  type FindingKind,
  VERIFY_STEPS,
  Verification,
  type VerifyFinding,
  VerifyReport,
  VerifyRequest,
} from './commands/verification.ts';
export {
  REPLAY_KINDS,
  WEBHOOK_COMMANDS,
  type WebhookAnswer,
  type WebhookCommand,
  type WebhookRequest,
} from './commands/webhook-commands.ts';
export {
  CONFIG_KINDS,
  type ConfigChange,
  ConfigChanged,
  type ConfigKind,
  type ConfigResource,
} from './events/config-changed.ts';
export {
  ConcurrencyKey,
  Instant,
  JOB_EVENT_TYPES,
  JOB_SOURCES,
  JobEvent,
  type JobEventOf,
  type JobEventType,
  type JobFact,
  type JobHistory,
  METADATA_MAX_ENTRIES,
  Metadata,
  type RecordedEvent,
  toJobEvent,
  type UnreadEvent,
} from './events/events.ts';
export {
  exactJsonOf,
  flawsOfJson,
  isNestedTooDeeply,
  MAX_EVENT_DEPTH,
  MAX_JSON_DEPTH,
  MAX_JSON_FLAWS,
} from './events/exact-json.ts';
export { FAULT_CODES, type FaultCode, JobFault } from './events/faults.ts';
export {
  ENDED_STATUSES,
  ENDING_TYPES,
  type EndedStatus,
  isEndingType,
  JOB_ENDINGS,
} from './events/job-endings.ts';
export { ContentType, FileName, JSON_TYPE, PayloadRef, ResultLink } from './events/payload-ref.ts';
export {
  AUDIT_EXPORT_FORMAT,
  AuditExportHeader,
  AuditExportLine,
  AuditExportManifest,
} from './http/audit-export.ts';
export {
  JOB_STATUSES,
  JobStatus,
  JobSummary,
  QueuePlace,
  RunAccepted,
  SUMMARY_RETENTION_DAYS,
} from './http/job-summary.ts';
export { fragmentOf, pointerToken } from './http/json-pointer.ts';
export { InputError, Problem } from './http/problem.ts';
export {
  ActionName,
  ContractId,
  EventId,
  JobId,
  type JobRef,
  ScheduleId,
  TenantId,
  uuidV7Floor,
  uuidV7TimeMs,
} from './ids.ts';
export {
  JOB_LOG_BATCH_BYTES,
  JOB_OUTPUT_BYTES,
  JobLogBatch,
  JobLogEntry,
  type ReadLogEntry,
} from './job-logs.ts';
export {
  type AwaitedAttempt,
  CALLBACK_METHODS,
  type CallbackMethod,
  type CallbackOperation,
  CallbackTerms,
  callbackOperation,
  HeaderName,
  MAX_CALLBACK_ADDRESS,
  MAX_TERMS,
  readCallbackOperation,
  termsContext,
} from './outside/callback.ts';
export {
  Conditions,
  fitsConditions,
  fitsFault,
  flawsOfWanted,
  Mapping,
  mapValue,
  Pointer,
  pointersOf,
  shownOf,
  valueAt,
} from './outside/mapping.ts';
export { PORTAL_SESSION_MAX_S, PORTAL_THEMES, PortalSession, PortalSessionId } from './portal-session.ts';
export {
  SCHEDULE_CATCH_UPS,
  SCHEDULE_DEFAULTS,
  SCHEDULE_OVERLAPS,
  Schedule,
  ScheduleProgress,
  ScheduleTick,
  ScheduleTiming,
  TICK_OUTCOMES,
  type TickOutcome,
} from './schedule.ts';
export {
  ApiKey,
  IdempotencyRecord,
  KEY_SCOPES,
  type KeyScope,
  KeyUse,
  Tenant,
  TenantLimits,
  withLimitsOfAll,
} from './tenant.ts';
export { BackupManifest, type BackupPart, backupOrder, type SnapshotHead } from './topology/backup.ts';
export { natsUser } from './topology/nats-user.ts';
export {
  changesLog,
  followConsumerName,
  inboxPrefix,
  NATS_ROLES,
  type NatsPermissions,
  type NatsRole,
  natsPermissions,
  neededStreams,
  PAGE_READERS,
} from './topology/permissions.ts';
export { STANDBY_JOBS_MS, siteApi, standbyUser } from './topology/standby.ts';
export {
  ALL_DEAD_LETTERS,
  ALL_JOB_EVENTS,
  auditSubjects,
  CONFIG_BEGUN,
  callbackKeySubject,
  commandSubject,
  configSubject,
  configSubjects,
  deadLetterSubject,
  endingsOf,
  eventSubject,
  executorSubject,
  executorToken,
  isHeldSubject,
  isLeadSubject,
  jobEventsOf,
  jobLogOfAnyAction,
  jobLogSubject,
  jobLogsOf,
  jobSubjects,
  jobSubjectsOfAnyAction,
  LANES,
  type Lane,
  type LeadSubjects,
  ownConfigOf,
  parseJobSubject,
  parseStoredSubject,
  redriveSubject,
  refOfSubject,
  requestSubjects,
  SCHEDULES,
  startsOf,
  storedOfAction,
  storedSubject,
  TURNS,
  typeOfSubject,
  WEBHOOK_HINTS,
  workOf,
} from './topology/subjects.ts';
export {
  AUDIT_STREAM,
  BACKUP_POSITION,
  BUCKET_TTL_MS,
  BUCKETS,
  BULK_ACTION_DAYS,
  type BucketName,
  bucketStream,
  CONFIG_STREAM,
  type ConsumerSpec,
  DEAD_LETTERS_STREAM,
  DEFAULT_TOPOLOGY,
  EXECUTOR_ALIVE_MS,
  EXECUTOR_CONSUMER_PREFIX,
  executorConsumer,
  executorConsumerName,
  IDEMPOTENCY_DAYS,
  JOB_RESERVE_BYTES,
  JOBS_STREAM,
  LOG_SLACK_MS,
  LOGS_STREAM,
  LogPosition,
  type LogReaderSpec,
  MIN_NATS_VERSION,
  OPEN_JOBS_COUNTED_FROM,
  PAYLOADS_BUCKET,
  PAYLOADS_STREAM,
  PROJECTION_READER,
  payloadLifeMs,
  payloadSubjects,
  RESTORE_STREAM,
  redriveConsumer,
  reservedBytes,
  SIGN_IN_CODE_MAX_S,
  STREAM_NAMES,
  streams,
  TIGHT_EVENT_BYTES,
  TIGHT_LOG_RATIO,
  type TopologySettings,
  WEBHOOKS_READER,
} from './topology/topology.ts';
export {
  JobWebhook,
  WEBHOOK_EVENT_TYPES,
  WEBHOOK_INCLUDES,
  type WebhookEventType,
  type WebhookInclude,
} from './webhooks/job-webhook.ts';
export {
  ENDPOINT_NEWS_TYPES,
  type EndpointNewsType,
  isExpired,
  JOB_WEBHOOKS_RECORD,
  WEBHOOK_EVENT_FILTERS,
  WebhookEndpoint,
  type WebhookEventFilter,
  webhookEventTypeOf,
} from './webhooks/webhook-endpoint.ts';
