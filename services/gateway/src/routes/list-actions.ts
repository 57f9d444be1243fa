import type { ActionCatalogue } from '../action-catalogue.ts';
import { actionView } from '../action-view.ts';
import { answer } from '../answer.ts';
import type { TenantHandler } from '../middleware/authenticate.ts';

/** GET …/actions: every action's contract, by name. */
export function listActions({ catalogue }: { catalogue: ActionCatalogue }): TenantHandler {
  return (c, { tenantId }) => {
    const actions = catalogue.list().map((entry) => actionView(entry, tenantId));
    return answer(c, { status: 200, body: { actions } });
  };
}
