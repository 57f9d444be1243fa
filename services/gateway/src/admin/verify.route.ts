import { type Bus, LogUnavailable } from '@errand/bus';
import { VerifyReport, type VerifyRequest } from '@errand/contracts';
import { defineRoute } from '../http/define-route.ts';
import { Refusal } from '../http/problem.ts';
import { answerSlowly } from '../load/slow-answer.ts';
import { inQuery, json } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import { named } from '../openapi/schemas.ts';
import type { AdminGroup } from './admin-group.ts';
import { createAdminQuery } from './admin-query.ts';

named('VerifyReport', VerifyReport);

/**
 * Has the projection compare everything with the log, and answers with what does not hold. It ends when the caller
 * goes away.
 */
export const verify = defineRoute({
  method: 'get',
  path: '/admin/verify',
  key: 'admin',
  id: 'verify',
  tag: 'Administration',
  summary: 'Compare everything with the log',
  description:
    'An answer that takes more than 20 s begins with spaces; if it fails after that, it breaks off.',
  parameters: [
    inQuery('since', 'Jobs requested before are left out.', parameters.instant),
    parameters.tenantInQuery,
  ],
  answers: { 200: json('What does not hold.', VerifyReport) },
  problems: ['invalid_input', 'verify_running', 'log_unavailable'],
  handle:
    ({ admin: { bus } }: AdminGroup) =>
    (c) => {
      const query = createAdminQuery(c.req.query());
      const sinceMs = query.time('since');
      const tenantId = query.tenant();
      query.check(['since', 'tenant']);
      const request: VerifyRequest = {
        ...(sinceMs === undefined ? {} : { since: new Date(sinceMs).toISOString() }),
        ...(tenantId === undefined ? {} : { tenant_id: tenantId }),
      };
      return answerSlowly(c, ask(bus, request, c.req.raw.signal));
    },
});

async function ask(
  bus: Pick<Bus, 'commands'>,
  request: VerifyRequest,
  signal: AbortSignal,
): Promise<VerifyReport> {
  const answer = await bus.commands.askVerify(request, signal);
  switch (answer.kind) {
    case 'verified':
      return answer.report;
    case 'busy':
      throw new Refusal('verify_running');
    case 'refused':
    case 'failed':
      throw new LogUnavailable('the projection could not verify');
  }
}
