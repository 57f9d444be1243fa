import { type InputError, type JobWebhook, WEBHOOK_EVENT_TYPES, WEBHOOK_INCLUDES } from '@errand/contracts';
import { z } from 'zod';
import { readEndpointUrl, type UrlRules } from '../endpoints/endpoint-url.ts';

/** Where the caller of a run wants to be told of its end, as sent. */
export const JobWebhookOption = z.strictObject({
  url: z.string().min(1).max(2_048),
  /** Absent for all endings, and so is `job.*`. */
  events: z
    .array(z.enum([...WEBHOOK_EVENT_TYPES, 'job.*']))
    .min(1)
    .max(WEBHOOK_EVENT_TYPES.length + 1)
    .optional(),
  include: z.array(z.enum(WEBHOOK_INCLUDES)).max(WEBHOOK_INCLUDES.length).optional(),
});

const POINTER = '#/_job/webhook/url';

/** Reads a run's webhook. Its URL follows the rules for endpoints, but must not name a user: the log keeps it for all to read. */
export function readJobWebhook(
  sent: z.infer<typeof JobWebhookOption>,
  { urlRules }: { urlRules: UrlRules },
): { kind: 'webhook'; webhook: JobWebhook } | { kind: 'invalid'; errors: InputError[] } {
  const read = readEndpointUrl(sent.url, { rules: urlRules, method: 'POST' });
  if (read.kind === 'invalid') return { kind: 'invalid', errors: [{ ...read.error, pointer: POINTER }] };
  if (read.basicAuth) {
    const error = { pointer: POINTER, code: 'credentials', detail: 'must not contain a user or password' };
    return { kind: 'invalid', errors: [error] };
  }
  const asked = sent.events ?? ['job.*'];
  const events = WEBHOOK_EVENT_TYPES.filter((type) => asked.includes('job.*') || asked.includes(type));
  const { include = [] } = sent;
  const included = include.length === 0 ? {} : { include };
  return { kind: 'webhook', webhook: { url: read.url, events, ...included } };
}
