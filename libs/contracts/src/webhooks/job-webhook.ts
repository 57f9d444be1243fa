import { z } from 'zod';
import { ENDED_STATUSES, type EndedStatus } from '../events/job-endings.ts';

export type WebhookEventType = `job.${EndedStatus}`;
export const WEBHOOK_EVENT_TYPES = ENDED_STATUSES.map((status): WebhookEventType => `job.${status}`);

/** What the message of an ended job includes if its receiver asks for it. */
export const WEBHOOK_INCLUDES = ['results'] as const;
export type WebhookInclude = (typeof WEBHOOK_INCLUDES)[number];

/**
 * Where the caller of one run wants its end reported, in addition to the tenant's endpoints. The URL is part of the
 * log, so it holds no credentials.
 */
export const JobWebhook = z.object({
  url: z.string().max(2048),
  events: z.array(z.enum(WEBHOOK_EVENT_TYPES)).min(1),
  include: z.array(z.enum(WEBHOOK_INCLUDES)).min(1).optional(),
});
export type JobWebhook = z.infer<typeof JobWebhook>;
