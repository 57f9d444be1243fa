import { z } from 'zod';

/*
 * Persisted codes that say why a job did not succeed. An action adds its own by throwing a PermanentError; these are
 * the ones that Errand itself writes.
 */
export const FAULT_CODES = {
  /** The input passed the gateway's JSON Schema but not the action's own schema. */
  invalid_input: "The input does not match the action's schema.",
  /** The action returned something that its own result schema rejects. */
  invalid_result: 'The action returned a result that does not match its schema.',
  /** The input was stored apart from the request and can no longer be read. */
  input_gone: "The job's input can no longer be read.",
  /** The result is larger than the executor's limit. */
  result_too_large: 'The result exceeds the size limit.',
  /** The result could not be stored, for example because the store of large results is full. */
  result_not_stored: 'The result could not be stored.',
  /** The action threw an error of its own; its text stays in the executor's log. */
  action_failed: 'The action failed.',
  /** The outside system that an attempt has left its work to did not call by the deadline. */
  callback_missing: 'The outside system did not call back in time.',
  /** No gateway has told the executor how callback URLs are made. */
  callback_unavailable: 'No callback URL could be made.',
  /** One attempt took longer than the action's timeout. */
  timed_out: 'The action did not finish in time.',
  /** The remote worker that ran the attempt has said nothing for too long. */
  worker_lost: 'The worker that ran the action fell silent.',
  /** Every allowed attempt was begun and the last one never finished, as when an action kills its executor. */
  attempts_exhausted: 'No attempt finished.',
} as const;
export type FaultCode = keyof typeof FAULT_CODES;

/** One reason for a job's failure, as callers read it in a summary. */
export const JobFault = z.object({
  code: z.string().min(1).max(100),
  message: z.string().max(2000),
  details: z.array(z.unknown()).max(100).optional(),
});
export type JobFault = z.infer<typeof JobFault>;
