import { WEBHOOK_COMMANDS } from '@errand/contracts';
import { answer } from '../answer.ts';
import { parseEmptyBody } from '../body-errors.ts';
import type { TenantHandler } from '../middleware/authenticate.ts';
import { type BodyLimits, readOptionalJsonObject } from '../middleware/read-json.ts';
import { Refusal } from '../problem.ts';
import { type AskDeps, askWebhooks } from '../webhooks/ask-webhooks.ts';
import { type EndpointBucket, readEndpoint } from '../webhooks/endpoint-store.ts';
import type { TestAllowance } from '../webhooks/test-allowance.ts';

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
