import type { Handler } from '../http/authenticate.ts';
import { Refusal } from '../http/problem.ts';
import { answerEmpty } from '../http/respond.ts';
import type { ActionCatalogue } from './action-catalogue.ts';

/**
 * DELETE /admin/actions/{name}: the action takes no more runs, and nothing else becomes of its jobs. For one that no
 * executor serves any more: those that have it announce it again when they start.
 */
export function deleteAction({ catalogue }: { catalogue: ActionCatalogue }): Handler {
  return async (c) => {
    const name = c.req.param('name') ?? '';
    if (!(await catalogue.find(name))) throw new Refusal('unknown_action');
    c.env.action = name;
    const outcome = await catalogue.withdraw(name);
    if (outcome.kind === 'served') {
      const by = [...new Set(outcome.contracts.map(({ announced_by }) => announced_by))].join(', ');
      throw new Refusal('action_served', { detail: `Executors serve the action, ${by} among them.` });
    }
    return answerEmpty(c, 204);
  };
}
