import { z } from 'zod';
import { defineRoute } from '../http/define-route.ts';
import { answer } from '../http/respond.ts';
import { json } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import type { ActionsGroup } from './action-catalogue.ts';
import { ActionView, actionView } from './action-view.ts';

/** Every action's contract, by name. */
export const listActions = defineRoute({
  method: 'get',
  path: '/v2/tenants/{tenant_id}/actions',
  key: 'tenant',
  query: 'none',
  id: 'listActions',
  tag: 'Actions',
  summary: 'Actions',
  description: 'By name, with the JSON Schemas of their inputs and results.',
  parameters: [parameters.tenantId],
  answers: { 200: json('All of them.', z.object({ actions: z.array(ActionView) })) },
  handle:
    ({ actions: { catalogue } }: ActionsGroup) =>
    (c, { tenantId }) => {
      const actions = catalogue.list().map((entry) => actionView(entry, tenantId));
      return answer(c, { status: 200, body: { actions } });
    },
});
