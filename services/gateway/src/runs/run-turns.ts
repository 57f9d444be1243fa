import type { AppendOutcome, AppendRequest, Bus, WatchedBucket } from '@errand/bus';
import type { Tenant } from '@errand/contracts';
import type { ActionCatalogue } from '../actions/action-catalogue.ts';
import { createDirectRoom } from './direct-room.ts';

/** Appends requests of jobs, each on its way: to the executors at once, or by its turn. */
export interface RunTurns {
  /** As the bus does it, with the lane. */
  append(request: AppendRequest): Promise<AppendOutcome>;
  /** The same of requests of one tenant and action. */
  appendBatch(requests: readonly AppendRequest[]): Promise<AppendOutcome[]>;
}

export function createRunTurns({
  bus,
  tenants,
  catalogue,
  isOn,
}: {
  bus: {
    readonly commands: Pick<Bus['commands'], 'askScheduler'>;
    readonly jobs: Pick<Bus['jobs'], 'append' | 'appendBatch'>;
  };
  tenants: Pick<WatchedBucket<Tenant>, 'peek'>;
  catalogue: Pick<ActionCatalogue, 'isPaused'>;
  /** False: only jobs with a limit wait for their turn. */
  isOn: boolean;
}): RunTurns {
  const room = createDirectRoom(bus);

  /** Whether a limit has to be asked before any job of the tenant begins. */
  function isLimited(tenantId: string): boolean {
    const { limits, paused = false } = tenants.peek(tenantId) ?? {};
    return paused || limits?.max_running !== undefined || limits?.max_running_per_action !== undefined;
  }

  async function inLanes(
    requests: readonly AppendRequest[],
    append: (inLanes: readonly AppendRequest[]) => Promise<AppendOutcome[]>,
  ): Promise<AppendOutcome[]> {
    const { tenantId = '', action = '' } = requests[0]?.ref ?? {};
    const mayGo = isLimited(tenantId) || catalogue.isPaused(action) ? () => false : isUnlimited;
    const count = requests.filter(mayGo).length;
    const taken = isOn && count > 0 ? room.take(tenantId, action, count) : { direct: count, settle() {} };
    let left = taken.direct;
    let version: number | undefined;
    try {
      const outcomes = await append(
        requests.map((request) => ({
          ...request,
          lane: mayGo(request) && left-- > 0 ? ('fast' as const) : ('held' as const),
        })),
      );
      version = Math.max(...outcomes.map((each) => (each.kind === 'appended' ? each.version : 0)));
      return outcomes;
    } finally {
      taken.settle(version);
    }
  }

  return {
    async append(request) {
      const [outcome] = await inLanes([request], async ([only = request]) => [await bus.jobs.append(only)]);
      if (!outcome) throw new Error('an append has no outcome');
      return outcome;
    },
    appendBatch: (requests) => inLanes(requests, bus.jobs.appendBatch),
  };
}

function isUnlimited({ event }: AppendRequest): boolean {
  return event.type === 'JobRequested' && event.data.concurrency === undefined;
}
