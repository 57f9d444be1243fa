import { type InputError, JobId, uuidV7TimeMs } from '@errand/contracts';
import { expiresAtMs } from '@errand/domain';
import { Refusal } from '../http/problem.ts';
import { queriedWaitS } from '../http/request-headers.ts';
import type { Ctx } from '../http/request-log.ts';

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

/** The most that a page of a job's events, or of its log, holds. */
export const MAX_STREAM_PAGE = 1_000;

/**
 * Where to begin, and the size of a page: behind what a browser has seen (`Last-Event-ID`) or the caller names (`after`).
 * @throws Refusal invalid_input
 */
export function readStreamPlace(c: Ctx, mustBe: string): { after: number; limit: number } {
  const header = c.req.header('last-event-id');
  const sent = header ?? c.req.query('after') ?? '0';
  const limit = c.req.query('limit') ?? String(MAX_STREAM_PAGE);
  const errors: InputError[] = [];
  if (!/^\d{1,15}$/.test(sent)) {
    const parameter = header === undefined ? 'after' : 'Last-Event-ID';
    errors.push({ parameter, code: 'type', detail: `must be ${mustBe}` });
  }
  if (!/^\d{1,4}$/.test(limit) || Number(limit) < 1 || Number(limit) > MAX_STREAM_PAGE) {
    const detail = `must be a whole number from 1 to ${MAX_STREAM_PAGE}`;
    errors.push({ parameter: 'limit', code: 'invalid_parameter', detail });
  }
  if (errors.length > 0) throw new Refusal('invalid_input', { errors });
  return { after: Number(sent), limit: Number(limit) };
}
