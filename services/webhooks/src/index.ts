export { settings, type WebhooksConfig } from './config.ts';
export { RETRY_SCHEDULE, type RetrySchedule } from './pacing/retry-schedule.ts';
export { startWebhooks } from './start.ts';
