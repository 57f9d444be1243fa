import { type InputError, JobId, uuidV7TimeMs } from '@errand/contracts';
import { expiresAtMs } from '@errand/domain';
import { Refusal } from '../http/problem.ts';
import { queriedWaitS } from '../http/request-headers.ts';

/** Which job a call asks for, from which version on the caller wants it, and how long it is ready to wait. */
export interface JobQuery {
  readonly jobId: string;
  /** 0 without one. */
  readonly minVersion: number;
  readonly waitS: number;
}

/**
 * Checks a job's id and the optional `min_version` and `wait`.
 * @throws Refusal invalid_input, and job_expired for an id whose job was requested longer ago than summaries are kept
 */
export function readJobQuery(
  sent: {
    jobId: string | undefined;
    minVersion?: string | undefined;
    wait?: string | undefined;
    /** The job is looked for in the audit log, so its age does not matter here. */
    mayHaveExpired?: true;
  },
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
  const wait = queriedWaitS(sent.wait);
  if (wait.kind === 'invalid') errors.push(wait.error);
  if (errors.length > 0 || !sent.jobId || wait.kind === 'invalid') {
    throw new Refusal('invalid_input', { errors });
  }
  if (!sent.mayHaveExpired && expiresAtMs(uuidV7TimeMs(sent.jobId)) <= nowMs)
    throw new Refusal('job_expired');
  return { jobId: sent.jobId, minVersion: Number(sent.minVersion ?? 0), waitS: wait.seconds };
}
