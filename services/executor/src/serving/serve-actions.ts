import { type Bus, createWorkCount, type Verdict, type WorkCount } from '@errand/bus';
import { type ExecutorHeartbeat, type InputError, JOBS_STREAM, type WorkSource } from '@errand/contracts';
import { compileSchema } from '@errand/json-schema';
import { watchAction } from '../attempt/attempt-watch.ts';
import { persistently } from '../attempt/job-writer.ts';
import { createAttemptRunner } from '../isolation/attempt-runner.ts';
import type { LoadedAction } from '../loading/load-actions.ts';
import { announceAction, withdrawAction } from './announce-action.ts';
import { hasLostExecutor } from './lost-executor.ts';
import { type ExecutorDeps, onJobRequested } from './on-job-requested.ts';

interface Served {
  readonly loaded: LoadedAction;
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
  /** What is served, for the heartbeat. */
  contracts(): ExecutorHeartbeat['contracts'];
  /** Resolves when the process is stopping and nothing runs any more. */
  idle(): Promise<void>;
}

/** For a job that came when its slot was gone. */
const NOT_NOW: Verdict = { kind: 'again', afterMs: 250 };

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

  function begin(loaded: LoadedAction, sources: readonly WorkSource[]): Served {
    const retired = new AbortController();
    const { action, code, isMain, outside } = loaded;
    const { name, contract_id: ownId } = action.contract;
    const count = countOf(name);
    outside?.onFree(count.wake);
    const isolatedCode = isMain ? 'main' : code;
    const runner = createAttemptRunner(action, {
      code,
      isolatedCode,
      isSuspect: hasLostExecutor(name, deps),
      onStray: deps.onStray,
    });
    const serve = (source: WorkSource) => {
      const checkResult = source.contract_id === ownId ? undefined : resultCheck(source);
      return bus.consumers.work({
        consumer: { stream: JOBS_STREAM, name: source.consumer, ackWaitMs: deps.leaseMs },
        slots: () => slotsOf(loaded),
        count,
        signal: AbortSignal.any([stopping, retired.signal]),
        async handle(each) {
          const work = () => onJobRequested(each, { action, runner, checkResult }, deps);
          return outside ? ((await outside.admit(each.recorded.ref.jobId, work)) ?? NOT_NOW) : work();
        },
        onUnreadable: (event) => {
          onUnreadable();
          deps.log.error({ ...event }, 'unreadable_event');
        },
        onError: (err) => deps.log.error({ err }, 'work_failed'),
      });
    };
    const unwatch = watchAction(name, deps);
    const work = Promise.all(sources.map(serve))
      .then(() => {})
      .catch(fail)
      .finally(unwatch)
      .finally(() => runner[Symbol.asyncDispose]())
      .finally(() => working.delete(work));
    working.add(work);
    return { loaded, retire: () => retired.abort() };
  }

  function slotsOf({ action, outside }: LoadedAction): number {
    return outside ? countOf(action.contract.name).running() + outside.free() : action.concurrency;
  }

  function countOf(name: string): WorkCount {
    const count = counts.get(name) ?? createWorkCount();
    counts.set(name, count);
    return count;
  }

  /** False for one that is served already. */
  async function replaceOne(name: string, next: LoadedAction): Promise<boolean> {
    const current = served.get(name);
    if (current?.loaded === next) return false;
    const { executorId, leaseMs } = deps;
    const sources = await persistently(
      () => announceAction(bus, next.action, { executorId, leaseMs }),
      stopping,
      { onDelay: (err) => deps.log.warn({ err, action: name }, 'scheduler_silent') },
    );
    current?.retire();
    served.set(name, begin(next, sources));
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
        await withdrawAction(bus, loaded.action, deps.executorId);
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
    contracts: () =>
      [...served].map(([name, { loaded }]) => ({
        action: name,
        contract_id: loaded.action.contract.contract_id,
        slots: slotsOf(loaded),
        running: countOf(name).running(),
      })),
    async idle() {
      await Promise.all(working);
    },
  };
}

/** For jobs of another contract than the one that the action's code checks its results by itself. */
function resultCheck({ result_schema }: WorkSource): (json: string | undefined) => InputError[] {
  const validate = compileSchema(result_schema);
  return (json) => validate(json === undefined ? undefined : JSON.parse(json), json?.length ?? 0);
}
