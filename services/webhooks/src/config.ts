import {
  BUS_SETTINGS,
  ConfigError,
  type ConfigOf,
  integer,
  OPS_SETTINGS,
  POSTGRES_SETTINGS,
  PROCESS_SETTINGS,
  PUBLIC_URL_SETTING,
  SEALING_KEY_SETTINGS,
  type Setting,
  text,
  WEBHOOK_TARGET_SETTINGS,
} from '@errand/runtime';
import { z } from 'zod';

export const settings = {
  ...PROCESS_SETTINGS,
  ...OPS_SETTINGS,
  ...BUS_SETTINGS,
  ...POSTGRES_SETTINGS,
  ...SEALING_KEY_SETTINGS,
  ...PUBLIC_URL_SETTING,
  ...WEBHOOK_TARGET_SETTINGS,
  lingerMs: integer({
    env: 'ERRAND_WEBHOOKS_LINGER_MS',
    description: 'How long more endings are waited for once one has come; calls are made as much later',
    unit: 'ms',
    default: 100,
    min: 0,
    max: 1_000,
  }),
  dns: {
    ...text({
      env: 'ERRAND_WEBHOOKS_DNS',
      description:
        'resolver asks the name servers directly; system also uses the hosts file and search domains, but slow names delay other work',
      default: 'resolver',
    }),
    schema: z.enum(['resolver', 'system'], { error: 'must be resolver or system' }),
  } satisfies Setting<'resolver' | 'system'>,
  attemptTimeoutMs: integer({
    env: 'ERRAND_WEBHOOKS_ATTEMPT_TIMEOUT_MS',
    description: 'How long one attempt may take, from connecting to the end of the answer',
    unit: 'ms',
    default: 15_000,
    min: 100,
    max: 60_000,
  }),
  maxResponseBytes: integer({
    env: 'ERRAND_WEBHOOKS_MAX_RESPONSE_BYTES',
    description: 'How much of an answer is read; beyond it the connection is dropped',
    unit: 'bytes',
    default: 65_536,
    min: 0,
    max: 10_000_000,
  }),
  keptResponseBytes: integer({
    env: 'ERRAND_WEBHOOKS_KEPT_RESPONSE_BYTES',
    description: 'How much of an answer the delivery log keeps',
    unit: 'bytes',
    default: 4_096,
    min: 0,
    max: 65_536,
  }),
  maxRetryAfterS: integer({
    env: 'ERRAND_WEBHOOKS_MAX_RETRY_AFTER_S',
    description: 'Longest pause that an answer of an endpoint may ask for (Retry-After)',
    unit: 's',
    default: 3_600,
    min: 1,
    max: 86_400,
  }),
  slots: integer({
    env: 'ERRAND_WEBHOOKS_SLOTS',
    description: 'Maximum concurrent attempts of this process',
    unit: 'attempts',
    default: 1_000,
    min: 4,
    max: 20_000,
  }),
  sweepIntervalMs: integer({
    env: 'ERRAND_WEBHOOKS_SWEEP_INTERVAL_MS',
    description: 'How often to look for due deliveries that nobody announced',
    unit: 'ms',
    default: 2_000,
    min: 10,
    max: 60_000,
  }),
  leaseMs: integer({
    env: 'ERRAND_WEBHOOKS_LEASE_MS',
    description: 'How long the endpoints of a dead process wait for another one; renewed every third of it',
    unit: 'ms',
    default: 6_000,
    min: 300,
    max: 300_000,
  }),
  replayBacklog: integer({
    env: 'ERRAND_WEBHOOKS_REPLAY_BACKLOG',
    description: 'Pending deliveries of an endpoint above which its replays wait',
    unit: 'deliveries',
    default: 1_000,
    min: 1,
    max: 100_000,
  }),
  deliveryLifeHours: integer({
    env: 'ERRAND_WEBHOOKS_DELIVERY_LIFE_HOURS',
    description: 'Time after its event at which a delivery is given up',
    unit: 'hours',
    default: 72,
    min: 1,
    max: 720,
  }),
  retentionDays: integer({
    env: 'ERRAND_WEBHOOKS_RETENTION_DAYS',
    description: 'How long the delivery log is kept; longer than the life of a delivery',
    unit: 'days',
    default: 30,
    min: 2,
    max: 365,
  }),
};

export type WebhooksConfig = ConfigOf<typeof settings>;

/**
 * Checks what one setting alone cannot tell.
 * @throws ConfigError when the delivery log would be dropped under deliveries that are still pending.
 */
export function checkConfig(config: WebhooksConfig): void {
  if (config.deliveryLifeHours < (config.retentionDays - 1) * 24) return;
  throw new ConfigError(
    `ERRAND_WEBHOOKS_RETENTION_DAYS (${config.retentionDays} days) must exceed ` +
      `ERRAND_WEBHOOKS_DELIVERY_LIFE_HOURS (${config.deliveryLifeHours} hours) by more than a day`,
  );
}
