import { type Bus, consumeWork, createWorkCount, provisionConsumer, type WorkCount } from '@errand/bus';
import { executorConsumer } from '@errand/contracts';
import { announceAction, withdrawAction } from './announce-action.ts';
import { createAttemptRunner } from './attempt-runner.ts';
import type { LoadedAction } from './load-actions.ts';
import { hasLostExecutor } from './lost-executor.ts';
import { type ExecutorDeps, onJobRequested } from './on-job-requested.ts';

interface Served {
  readonly loaded: LoadedAction;
  isAnnounced: boolean;
  /** Takes no more work; what runs goes on to its end. */
  retire(): void;
}

/** What a replacement changed. */
interface Replaced {
  readonly begun: readonly LoadedAction[];
  /** Names. */
  readonly withdrawn: readonly string[];
  /** Why not all is as wanted, by which the others are not kept from it. */
  readonly failures: readonly unknown[];
}

/** The actions that this process runs, which may change while it does. */
export interface ServedActions {
  /**
   * Serves exactly these from here on. Jobs under way of an action that is replaced or gone run to their end with the
   * code that they began with. Not to be called again before it has settled.
   * It may be called again for what failed.
   * @throws LogUnavailable when an action could not be withdrawn
   */
  replace(actions: readonly LoadedAction[]): Promise<Replaced>;
  /** Resolves when the process is stopping and nothing runs any more. */
  idle(): Promise<void>;
}

export function serveActions(options: {
  bus: Bus;
  deps: ExecutorDeps;
  stopping: AbortSignal;
  onUnreadable: () => void;
  /** For what only a new start of the process mends. */
  fail: (error: unknown) => void;
}): ServedActions {
  const { bus, deps, stopping, onUnreadable, fail } = options;
  const served = new Map<string, Served>();
  const working = new Set<Promise<void>>();
  /** By action: attempts of a version that was replaced count against the next one's slots. */
  const counts = new Map<string, WorkCount>();

  function begin(loaded: LoadedAction): Served {
    const retired = new AbortController();
    const { action, code, isMain } = loaded;
    const { name } = action.contract;
    const count = counts.get(name) ?? createWorkCount();
    counts.set(name, count);
    const isolatedCode = isMain ? 'main' : code;
    const runner = createAttemptRunner(action, {
      code,
      isolatedCode,
      isSuspect: hasLostExecutor(name, deps),
      onStray: deps.onStray,
    });
    const work = consumeWork(bus.nc, {
      consumer: executorConsumer(name, deps.leaseMs),
      slots: action.concurrency,
      count,
      signal: AbortSignal.any([stopping, retired.signal]),
      handle: (each) => onJobRequested(each, { action, runner }, deps),
      onUnreadable: (event) => {
        onUnreadable();
        deps.log.error({ ...event }, 'unreadable_event');
      },
      onError: (err) => deps.log.error({ err }, 'work_failed'),
    })
      .catch(fail)
      .finally(() => runner[Symbol.asyncDispose]())
      .finally(() => working.delete(work));
    working.add(work);
    return { loaded, isAnnounced: false, retire: () => retired.abort() };
  }

  /** False for one that is served already. */
  async function replaceOne(name: string, next: LoadedAction): Promise<boolean> {
    let current = served.get(name);
    if (!current) await provisionConsumer(bus.nc, executorConsumer(name, deps.leaseMs));
    if (current?.loaded !== next) {
      current?.retire();
      current = begin(next);
      served.set(name, current);
    }
    if (current.isAnnounced) return false;
    // Last: a gateway that knows the action finds somebody to run it.
    await announceAction(bus, next.action);
    current.isAnnounced = true;
    return true;
  }

  return {
    async replace(actions) {
      const wanted = new Map(actions.map((loaded) => [loaded.action.contract.name, loaded]));
      const withdrawn: string[] = [];
      const begun: LoadedAction[] = [];
      const failures: unknown[] = [];
      for (const [name, { loaded, retire }] of served) {
        if (wanted.has(name)) continue;
        withdrawn.push(name);
        await withdrawAction(bus, loaded.action);
        retire();
        served.delete(name);
      }
      for (const [name, loaded] of wanted) {
        try {
          if (await replaceOne(name, loaded)) begun.push(loaded);
        } catch (error) {
          failures.push(error);
        }
      }
      return { begun, withdrawn, failures };
    },
    async idle() {
      await Promise.all(working);
    },
  };
}
