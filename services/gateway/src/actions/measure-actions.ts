import type { Heartbeats } from '@errand/bus';
import { Gauge, type Ops } from '@errand/runtime';
import type { ActionCatalogue } from './action-catalogue.ts';
import { sumByAction } from './executor-sums.ts';

/** How actions stand, as metrics: who serves them, and with how many slots. */
export function measureActions(ops: Ops, catalogue: ActionCatalogue, executors: Heartbeats): void {
  const gauge = (name: string, help: string, read: () => Iterable<[action: string, value: number]>) =>
    new Gauge({
      name,
      help,
      labelNames: ['action'],
      registers: [ops.metrics],
      collect() {
        this.reset();
        for (const [action, value] of read()) this.set({ action }, value);
      },
    });
  gauge('errand_action_unserved', '1 for an action that no executor serves', () =>
    catalogue.list().map(({ contract, unservedSince }) => [contract.name, Number(unservedSince !== null)]),
  );
  gauge('errand_action_contracts', 'Contracts of an action of which jobs may still run', () =>
    catalogue.list().map(({ contract, contracts }) => [contract.name, contracts.length]),
  );
  const sumOf = (member: 'slots' | 'running') => () => sumByAction(executors, member);
  gauge('errand_action_slots', 'Attempts that the executors of an action can run at once', sumOf('slots'));
  gauge('errand_action_running', 'Attempts that the executors of an action run', sumOf('running'));
}
