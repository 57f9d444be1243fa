import { ActionName } from '@errand/contracts';
import type { AdminGroup } from '../admin/admin-group.ts';
import { defineRoute } from '../http/define-route.ts';
import { Refusal } from '../http/problem.ts';
import { answerEmpty } from '../http/respond.ts';
import { inPath } from '../openapi/operation.ts';

/**
 * The action takes no more runs, and nothing else becomes of its jobs. For one that no executor serves any more:
 * those that have it announce it again when they start.
 */
export const deleteAction = defineRoute({
  method: 'delete',
  path: '/admin/actions/{name}',
  key: 'admin',
  id: 'deleteAction',
  tag: 'Administration',
  summary: 'Withdraw an action',
  description:
    'It takes no more runs; nothing else becomes of its jobs. For one that no executor serves any more: those that have it announce it again when they start.',
  parameters: [inPath('name', 'Its name.', ActionName)],
  answers: { 204: { description: 'It is gone.' } },
  problems: ['unknown_action', 'action_served', 'log_unavailable'],
  handle:
    ({ admin: { catalogue } }: AdminGroup) =>
    async (c) => {
      const name = c.req.param('name') ?? '';
      if (!(await catalogue.find(name))) throw new Refusal('unknown_action');
      c.env.action = name;
      const outcome = await catalogue.withdraw(name);
      if (outcome.kind === 'served') {
        const by = [...new Set(outcome.contracts.map(({ announced_by }) => announced_by))].join(', ');
        throw new Refusal('action_served', { detail: `Executors still serve the action, including ${by}.` });
      }
      return answerEmpty(c, 204);
    },
});
