import { type Bus, LogUnavailable } from '@errand/bus';
import type { VerifyReport, VerifyRequest } from '@errand/contracts';
import type { Handler } from '../http/authenticate.ts';
import { Refusal } from '../http/problem.ts';
import { answerSlowly } from '../load/slow-answer.ts';
import { createAdminQuery } from './admin-query.ts';

/**
 * GET /admin/verify[?since=&tenant=]: has the projection compare everything with the log, and answers with what does not
 * hold. It ends when the caller goes away.
 */
export function verify({ bus }: { bus: { readonly commands: Pick<Bus['commands'], 'askVerify'> } }): Handler {
  return (c) => {
    const query = createAdminQuery(c.req.query());
    const sinceMs = query.time('since');
    const tenantId = query.tenant();
    query.check(['since', 'tenant']);
    const request: VerifyRequest = {
      ...(sinceMs === undefined ? {} : { since: new Date(sinceMs).toISOString() }),
      ...(tenantId === undefined ? {} : { tenant_id: tenantId }),
    };
    return answerSlowly(c, ask(bus, request, c.req.raw.signal));
  };
}

async function ask(
  bus: { readonly commands: Pick<Bus['commands'], 'askVerify'> },
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
