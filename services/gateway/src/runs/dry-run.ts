import { Refusal } from '../http/problem.ts';
import type { Ctx } from '../http/request-log.ts';

/**
 * Whether the request is only to be checked.
 * @throws Refusal invalid_input
 */
export function isDryRun(c: Ctx): boolean {
  const sent = c.req.query('validate_only');
  if (sent === undefined || sent === 'true' || sent === 'false') return sent === 'true';
  const detail = 'must be true or false';
  throw new Refusal('invalid_input', { errors: [{ parameter: 'validate_only', code: 'enum', detail }] });
}
