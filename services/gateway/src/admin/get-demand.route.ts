import { LogUnavailable } from '@errand/bus';
import { ActionDemand, ActionName } from '@errand/contracts';
import { z } from 'zod';
import { sumByAction } from '../actions/executor-sums.ts';
import { defineRoute } from '../http/define-route.ts';
import { refuseUnknownParameters } from '../http/read-query.ts';
import { answer } from '../http/respond.ts';
import { json } from '../openapi/operation.ts';
import { named } from '../openapi/schemas.ts';
import type { AdminGroup } from './admin-group.ts';

const DemandView = named(
  'ActionDemand',
  ActionDemand.extend({
    slots: z.int().min(0),
    wanted: z.int().min(0),
  }).meta({
    description:
      '`queued`: jobs that could be run now and are not, of which `held` wait for their turn, and `limited` are held back by limits of tenants or a pause. `running`: an attempt is under way. `due_within_60s`: their start_after, their next attempt or their look at an outside system comes within a minute. `oldest_s`: for how long the oldest queued one could have been run. `slots`: of living executors. `wanted`: slots that have something to do now or within a minute, queued - limited + running + due_within_60s.',
  }),
);

const DemandOfActions = z.object({ actions: z.record(ActionName, DemandView) });

const NOTHING: ActionDemand = {
  queued: 0,
  held: 0,
  limited: 0,
  running: 0,
  due_within_60s: 0,
  oldest_s: 0,
};

/** By the log as it is now, whichever scheduler answers; without one, nobody knows. */
export const getDemand = defineRoute({
  method: 'get',
  path: '/admin/stats',
  key: 'admin',
  id: 'getActionDemand',
  tag: 'Administration',
  summary: 'What the executors of each action have to do',
  description:
    'By the names of the actions, as the log is now, for autoscalers: `actions.<name>.wanted` slots are to be served. Every action that takes runs is in it.',
  answers: { 200: json('All actions.', DemandOfActions) },
  problems: ['invalid_input', 'log_unavailable'],
  handle:
    ({ admin: { bus, catalogue, executors } }: AdminGroup) =>
    async (c) => {
      refuseUnknownParameters(c, []);
      const version = await bus.jobs.lastEvent();
      const told = await bus.commands.askScheduler('demand', { version });
      if (told.kind !== 'demand') throw new LogUnavailable('the scheduler has not read the log so far');
      const slots = sumByAction(executors, 'slots');
      const known = catalogue.list().map(({ contract }): [string, ActionDemand] => [contract.name, NOTHING]);
      const demands = new Map([...known, ...Object.entries(told.actions)]);
      const actions = Object.fromEntries(
        [...demands].map(([action, demand]) => [action, viewOf(demand, slots.get(action) ?? 0)]),
      );
      return answer(c, { status: 200, body: { actions } });
    },
});

function viewOf(demand: ActionDemand, slots: number): z.infer<typeof DemandView> {
  const { queued, limited, running, due_within_60s: soon } = demand;
  return { ...demand, slots, wanted: queued - limited + running + soon };
}
