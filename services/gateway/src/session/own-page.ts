import { Refusal } from '../http/problem.ts';
import type { Ctx } from '../http/request-log.ts';

/** On unsafe methods, with any value. */
export const CONSOLE_HEADER = 'errand-console';

/** Only the console begins and ends sessions: another page must not sign its visitor in. @throws Refusal forbidden */
export function assertOwnPage(c: Ctx): void {
  const { headers } = c.req.raw;
  if (headers.get('sec-fetch-site') === 'same-origin' && headers.has(CONSOLE_HEADER)) return;
  throw new Refusal('forbidden', {
    detail: 'Only the console begins and ends sessions. Send a key instead.',
  });
}
