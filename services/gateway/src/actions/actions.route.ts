import { ActionName } from '@errand/contracts';
import { z } from 'zod';
import type { AdminGroup } from '../admin/admin-group.ts';
import { defineRoute } from '../http/define-route.ts';
import { Refusal } from '../http/problem.ts';
import { answer, answerEmpty } from '../http/respond.ts';
import { inPath, json } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import type { ActionsGroup } from './action-catalogue.ts';
import { ActionView, actionView } from './action-view.ts';

/** Every action's contract, by name. */
export const listActions = defineRoute({
  method: 'get',
  path: '/v2/tenants/{tenant_id}/actions',
  key: 'tenant',
  scope: 'any',
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

/** One action's contract with its JSON Schemas. */
export const getAction = defineRoute({
  method: 'get',
  path: '/v2/tenants/{tenant_id}/actions/{name}',
  key: 'tenant',
  scope: 'any',
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

/**
 * The action takes no more runs; its jobs go on as before. Meant for an action that no executor serves any more: an
 * executor that has it announces it again when it starts.
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
    async (c, { actor }) => {
      const name = c.req.param('name') ?? '';
      if (!(await catalogue.find(name))) throw new Refusal('unknown_action');
      c.env.action = name;
      const outcome = await catalogue.withdraw(name, actor);
      if (outcome.kind === 'served') {
        const by = [...new Set(outcome.contracts.map(({ announced_by }) => announced_by))].join(', ');
        throw new Refusal('action_served', { detail: `Executors still serve the action, including ${by}.` });
      }
      return answerEmpty(c, 204);
    },
});

const pauseRoute = (isPaused: boolean) =>
  defineRoute({
    method: 'post',
    path: `/admin/actions/{name}/${isPaused ? 'pause' : 'resume'}`,
    key: 'admin',
    id: isPaused ? 'pauseAction' : 'resumeAction',
    tag: 'Administration',
    summary: isPaused ? 'Let no more jobs of an action begin' : 'Let jobs of an action begin again',
    description: isPaused
      ? 'Runs are accepted, and wait. What runs goes on, and so do the few jobs that were handed out already.'
      : 'What has waited has its turn.',
    parameters: [inPath('name', 'Its name.', ActionName)],
    answers: { 204: { description: 'So it is, within a second.' } },
    problems: ['unknown_action', 'log_unavailable'],
    handle:
      ({ admin: { catalogue } }: AdminGroup) =>
      async (c, { actor }) => {
        const name = c.req.param('name') ?? '';
        c.env.action = name;
        const isKnown =
          ActionName.safeParse(name).success && (await catalogue.setPaused(name, isPaused, actor));
        if (!isKnown) throw new Refusal('unknown_action');
        return answerEmpty(c, 204);
      },
  });

export const pauseAction = pauseRoute(true);
export const resumeAction = pauseRoute(false);
