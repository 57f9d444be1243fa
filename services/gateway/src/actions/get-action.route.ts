import type { TenantHandler } from '../http/authenticate.ts';
import { Refusal } from '../http/problem.ts';
import { answer } from '../http/respond.ts';
import type { ActionCatalogue } from './action-catalogue.ts';
import { actionView } from './action-view.ts';

/** GET …/actions/{name}: one action's contract with its JSON Schemas. */
export function getAction({ catalogue }: { catalogue: ActionCatalogue }): TenantHandler {
  return async (c, { tenantId }) => {
    const entry = await catalogue.find(c.req.param('name') ?? '');
    if (!entry) throw new Refusal('unknown_action');
    c.env.action = entry.contract.name;
    return answer(c, { status: 200, body: actionView(entry, tenantId) });
  };
}
