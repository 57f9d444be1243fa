import {
  type InputError,
  type JobWebhook,
  Metadata,
  WEBHOOK_EVENT_TYPES,
  WEBHOOK_INCLUDES,
} from '@errand/contracts';
import { z } from 'zod';
import { readEndpointUrl, type UrlRules } from '../webhooks/endpoints/endpoint-url.ts';

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

const wholeSeconds = z.int().min(1);

/** Postgres cannot look into JSON text that has a NUL in it. */
export const SentMetadata = Metadata.refine(
  (entries) => !Object.entries(entries).flat().join('').includes('\0'),
  'must not contain \\u0000',
);

/** What a caller may say under `_job`, beside the action's input. */
export const JobOptions = z.strictObject({
  metadata: SentMetadata.optional(),
  /** RFC 3339. An instant of the past means at once. */
  start_after: z.iso.datetime({ offset: true }).optional(),
  /** Seconds from `start_after`, or from the request without one. */
  start_by_s: wholeSeconds.optional(),
  finish_by_s: wholeSeconds.optional(),
  /** 1 to 9; the higher, the sooner, among jobs of the tenant that wait for their turn. Default 5. */
  priority: z.int().min(1).max(9).optional(),
  /** Values of the action's concurrency keys, instead of those in the input. */
  concurrency_keys: z.record(z.string().max(64), z.string().max(1_000)).optional(),
  webhook: JobWebhookOption.optional(),
});
export type JobOptions = z.infer<typeof JobOptions>;

export interface JobLife {
  /** The longest time from a request to its job's last moment. */
  readonly maxLifeMs: number;
  /** How long a job may take where its request says nothing. */
  readonly defaultLifeMs: number;
}

/** A job's times as its JobRequested has them: instants in UTC. */
export interface JobTimes {
  readonly start_after?: string;
  readonly start_by?: string;
  readonly finish_by: string;
}

/**
 * Turns options into instants. All of them lie inside the job's longest life, since the log forgets the job soon after;
 * each member that would lead past it is named, with its pointer under `_job`.
 */
export function jobTimesOf(
  options: Pick<JobOptions, 'start_after' | 'start_by_s' | 'finish_by_s'>,
  context: JobLife & { nowMs: number },
): { kind: 'times'; times: JobTimes } | { kind: 'invalid'; errors: InputError[] } {
  const { nowMs, maxLifeMs, defaultLifeMs } = context;
  const latestMs = nowMs + maxLifeMs;
  const startAfterMs = options.start_after === undefined ? nowMs : Date.parse(options.start_after);
  const beginsMs = Math.max(nowMs, startAfterMs);
  const tooLate = (member: string): InputError => ({
    pointer: `#/_job/${member}`,
    code: 'maximum',
    detail: `must be within ${maxLifeMs / 3_600_000} hours from now`,
  });
  if (beginsMs >= latestMs) return { kind: 'invalid', errors: [tooLate('start_after')] };
  const startByMs = options.start_by_s && beginsMs + options.start_by_s * 1_000;
  const finishByMs = options.finish_by_s
    ? beginsMs + options.finish_by_s * 1_000
    : Math.min(beginsMs + defaultLifeMs, latestMs);
  const errors: InputError[] = [];
  if (startByMs && startByMs > latestMs) errors.push(tooLate('start_by_s'));
  if (finishByMs > latestMs) errors.push(tooLate('finish_by_s'));
  if (errors.length > 0) return { kind: 'invalid', errors };
  return {
    kind: 'times',
    times: {
      ...(beginsMs > nowMs ? { start_after: new Date(beginsMs).toISOString() } : {}),
      ...(startByMs ? { start_by: new Date(startByMs).toISOString() } : {}),
      finish_by: new Date(finishByMs).toISOString(),
    },
  };
}
