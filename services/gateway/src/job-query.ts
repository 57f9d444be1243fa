import { type InputError, JobId, uuidV7TimeMs } from '@errand/contracts';
import { expiresAtMs } from '@errand/domain';
import { Refusal } from './problem.ts';

/** Which job a status call asks for, and from which version on the caller wants it. */
export interface JobQuery {
  readonly jobId: string;
  readonly minVersion: number;
}

/**
 * Checks a job's id and the optional `min_version`.
 * @throws Refusal invalid_input, and job_expired for an id whose job was requested longer ago than summaries are kept
 */
export function readJobQuery(
  sent: { jobId: string | undefined; minVersion: string | undefined },
  nowMs: number,
): JobQuery {
  const errors: InputError[] = [];
  if (!sent.jobId) errors.push({ parameter: 'job_id', code: 'required', detail: 'is required' });
  else if (!JobId.safeParse(sent.jobId).success) {
    errors.push({ parameter: 'job_id', code: 'format', detail: 'must be a lower-case UUIDv7' });
  }
  if (sent.minVersion !== undefined && !/^\d{1,15}$/.test(sent.minVersion)) {
    errors.push({ parameter: 'min_version', code: 'type', detail: 'must be a whole number' });
  }
  if (errors.length > 0 || !sent.jobId) throw new Refusal('invalid_input', { errors });
  if (expiresAtMs(uuidV7TimeMs(sent.jobId)) <= nowMs) throw new Refusal('job_expired');
  return { jobId: sent.jobId, minVersion: Number(sent.minVersion ?? 0) };
}
