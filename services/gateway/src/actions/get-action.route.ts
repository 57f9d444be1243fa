import { defineRoute } from '../http/define-route.ts';
import { Refusal } from '../http/problem.ts';
import { answer } from '../http/respond.ts';
import { json } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import type { ActionsGroup } from './action-catalogue.ts';
import { ActionView, actionView } from './action-view.ts';

/** One action's contract with its JSON Schemas. */
export const getAction = defineRoute({
  method: 'get',
  path: '/v2/tenants/{tenant_id}/actions/{name}',
  key: 'tenant',
  query: 'none',
  id: 'getAction',
  tag: 'Actions',
  summary: 'An action',
  description: 'With the JSON Schemas of its input and result.',
  parameters: [parameters.tenantId, parameters.actionName],
  answers: { 200: json('The action.', ActionView) },
  problems: ['unknown_action'],
  handle:
    ({ actions: { catalogue } }: ActionsGroup) =>
    async (c, { tenantId }) => {
      const entry = await catalogue.find(c.req.param('name') ?? '');
      if (!entry) throw new Refusal('unknown_action');
      c.env.action = entry.contract.name;
      return answer(c, { status: 200, body: actionView(entry, tenantId) });
    },
});
