import type { ActionCatalogue } from '../action-catalogue.ts';
import { answerEmpty } from '../answer.ts';
import type { Handler } from '../middleware/authenticate.ts';
import { Refusal } from '../problem.ts';

/**
 * DELETE /admin/actions/{name}: the action takes no more runs, and nothing else becomes of its jobs. For one that no
 * executor has any more: those that have it announce it again when they start.
 */
export function deleteAction({ catalogue }: { catalogue: ActionCatalogue }): Handler {
  return async (c) => {
    const name = c.req.param('name') ?? '';
    if (!(await catalogue.find(name))) throw new Refusal('unknown_action');
    c.env.action = name;
    await catalogue.withdraw(name);
    return answerEmpty(c, 204);
  };
}
