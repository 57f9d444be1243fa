import type { ActionDemand } from '@errand/contracts';
import { tell, type World } from '../../command.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { table } from '../../output/text.ts';
import { spanOf } from '../../output/times.ts';

interface Told {
  readonly actions: Readonly<Record<string, ActionDemand & { slots: number; wanted: number }>>;
}

const HEAD = [
  'ACTION',
  'QUEUED',
  'OLDEST',
  'HELD',
  'LIMITED',
  'RUNNING',
  'DUE SOON',
  'WANTED',
  'SLOTS',
] as const;

/** Shows what the executors of each action have to do, by name. */
export async function showDemand(world: World): Promise<ExitCode> {
  const gateway = await world.gateway();
  const told = await gateway.json<Told>({ method: 'GET', path: '/admin/stats' });
  tell(world, told, () => textOf(told));
  return 0;
}

function textOf({ actions }: Told): string {
  const rows = Object.entries(actions)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([action, { queued, oldest_s, held, limited, running, due_within_60s, wanted, slots }]) => {
      const oldest = queued === 0 ? '' : spanOf(oldest_s * 1_000);
      return [action, queued, oldest, held, limited, running, due_within_60s, wanted, slots];
    });
  return table([...HEAD], rows);
}
