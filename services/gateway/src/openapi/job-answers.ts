import { JobSummary, RunAccepted } from '@errand/contracts';
import { z } from 'zod';
import { type Answer, json, type Operation } from './operation.ts';
import { named, type Schema } from './schemas.ts';

/* What several operations on jobs answer. */

named('RunAccepted', RunAccepted);
named('JobSummary', JobSummary);
export const DryRun = named('DryRun', z.object({ valid: z.literal(true) }));

export const EVENT_STREAM = { 'text/event-stream': { schema: { type: 'string' } } };

export const accepted = json(
  'The log holds the job. `Location` is where its status is asked for.',
  RunAccepted,
  {
    headers: [
      'Location',
      'Retry-After',
      'Preference-Applied',
      'Idempotency-Replayed',
      'RateLimit',
      'RateLimit-Policy',
    ],
  },
);

export const summaryHeaders = ['ETag', 'Retry-After'] as const;

/** A summary whose results have a known schema. */
export function summaryAnswer(description: string, schema: Schema): Answer {
  return {
    description,
    content: { 'application/json': { schema } },
    headers: [...summaryHeaders, 'Location', 'Preference-Applied', 'Idempotency-Replayed'],
  };
}

export function cancelAnswers(summary: Schema): Operation['answers'] {
  return {
    200: { ...summaryAnswer('The job is canceled.', summary), headers: summaryHeaders },
    202: { ...summaryAnswer('The executor is asked to stop the job.', summary), headers: summaryHeaders },
  };
}

export const CANCEL_PROBLEMS = [
  'unknown_job',
  'job_expired',
  'already_ended',
  'history_out_of_reach',
] as const;

export const RUN_PROBLEMS = [
  'unknown_action',
  'invalid_input',
  'bad_contract',
  'too_many_runs',
  'too_many_queued',
  'too_many_log_bytes',
  'too_many_payload_bytes',
  'log_nearly_full',
  'payloads_full',
  'idempotency_in_flight',
  'idempotency_key_reused',
] as const;
