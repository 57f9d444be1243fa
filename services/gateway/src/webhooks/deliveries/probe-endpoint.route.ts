import { WEBHOOK_COMMANDS } from '@errand/contracts';
import type { TenantHandler } from '../../http/authenticate.ts';
import { parseEmptyBody } from '../../http/body-errors.ts';
import { Refusal } from '../../http/problem.ts';
import { type BodyLimits, readOptionalJsonObject } from '../../http/read-body.ts';
import { answer } from '../../http/respond.ts';
import { type EndpointBucket, readEndpoint } from '../endpoints/endpoint-store.ts';
import { type AskDeps, askWebhooks } from './ask-webhooks.ts';
import type { TestAllowance } from './probe-allowance.ts';

/** How the call went. */
export const TestAnswer = WEBHOOK_COMMANDS.test.answer.options[1].omit({ kind: true });

/** POST …/webhooks/{endpoint_id}/test: calls the endpoint with a `webhook.test` event and answers how that went. */
export function testWebhook(
  deps: AskDeps & BodyLimits & { endpoints: EndpointBucket; testAllowance: TestAllowance },
): TenantHandler {
  return async (c, { tenantId }) => {
    const { endpoint_id } = await readEndpoint(deps.endpoints, tenantId, c.req.param('endpoint_id') ?? '');
    parseEmptyBody((await readOptionalJsonObject(c, deps)).body);
    const waitS = deps.testAllowance.take(tenantId);
    if (waitS > 0) throw new Refusal('too_many_tests', { headers: { 'retry-after': String(waitS) } });
    const request = { tenant_id: tenantId, endpoint_id };
    const { kind: _, ...attempt } = await askWebhooks(c, deps, { command: 'test', request });
    return answer(c, { status: 200, body: attempt });
  };
}
