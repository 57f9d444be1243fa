import type { TenantHandler } from '../http/authenticate.ts';
import { answer } from '../http/respond.ts';
import type { ActionCatalogue } from './action-catalogue.ts';
import { actionView } from './action-view.ts';

/** GET …/actions: every action's contract, by name. */
export function listActions({ catalogue }: { catalogue: ActionCatalogue }): TenantHandler {
  return (c, { tenantId }) => {
    const actions = catalogue.list().map((entry) => actionView(entry, tenantId));
    return answer(c, { status: 200, body: { actions } });
  };
}
