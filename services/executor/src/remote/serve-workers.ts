import { LogUnavailable } from '@errand/bus';
import { Gauge, type Ops, serveHttp } from '@errand/runtime';
import type { ExecutorConfig } from '../config.ts';
import { assertServable, type LoadedAction } from '../loading/load-actions.ts';
import { isSame, mistakesOf, type RemoteAction, remoteAction } from './remote-action.ts';
import { createRemoteAttempts, type RemoteAttempts } from './remote-attempts.ts';
import { createWorkerKeys } from './worker-keys.ts';
import { WorkerRefusal } from './worker-problem.ts';
import type { Announcement } from './worker-routes.ts';
import { workersApp } from './workers.route.ts';

/** How long a worker waits for its action to be announced. */
const ANNOUNCE_MS = 10_000;

/**
 * Serves the API of remote workers, and their actions: whatever workers announce is announced by this executor, and what it
 * is given to do is given to them. Its actions stay announced until the process ends, whether or not anybody claims.
 */
export async function serveWorkers(
  config: ExecutorConfig,
  options: {
    readonly version: string;
    readonly maxContractBytes: number;
    /** Has exactly these served. @throws the first reason why one is not */
    readonly serve: (actions: readonly LoadedAction[]) => Promise<void>;
    readonly release: (jobId: string) => void;
    readonly stopping: AbortSignal;
    readonly ops: Ops;
  },
): Promise<AsyncDisposable & { port: number }> {
  const { version, serve, release, stopping, maxContractBytes } = options;
  const attempts = createRemoteAttempts(config.workerSilenceMs);
  const actions = new Map<string, RemoteAction>();
  let announcing: Promise<unknown> = Promise.resolve();

  async function announce(announcement: Announcement): Promise<RemoteAction> {
    const known = actions.get(announcement.name);
    if (known && isSame(known.announcement, announcement)) return known;
    const [mistake] = mistakesOf(announcement);
    if (mistake !== undefined) throw new WorkerRefusal('invalid_request', mistake);
    const next = remoteAction(announcement, attempts);
    try {
      assertServable([next.loaded.action], maxContractBytes);
    } catch (error) {
      throw new WorkerRefusal('invalid_request', (error as Error).message);
    }
    const wanted = new Map(actions).set(announcement.name, next);
    await serve([...wanted.values()].map(({ loaded }) => loaded));
    actions.set(announcement.name, next);
    return next;
  }

  /** One after the other: each begins with what is served by then. */
  async function announceInTurn(announcement: Announcement): Promise<RemoteAction> {
    const known = actions.get(announcement.name);
    if (known && isSame(known.announcement, announcement)) return known;
    let isLate = false;
    const turn = announcing.then(() => {
      // The worker was told so, and asks again.
      if (isLate) throw new WorkerRefusal('unavailable', 'No scheduler has answered yet.');
      return announce(announcement);
    });
    announcing = turn.catch(() => {});
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => late.reject(new WorkerRefusal('unavailable', 'No scheduler has answered yet.')),
      ANNOUNCE_MS,
    );
    try {
      return await Promise.race([turn, late.promise]);
    } catch (error) {
      throw refusalOf(error);
    } finally {
      isLate = true;
      clearTimeout(timer);
    }
  }

  const app = workersApp({
    keys: createWorkerKeys(config.workerKeys),
    attempts,
    version,
    silenceMs: config.workerSilenceMs,
    maxResultBytes: config.maxResultBytes,
    find: (action) => actions.get(action),
    announce: announceInTurn,
    release,
    stopping,
  });
  const server = await serveHttp({
    fetch: (request) => app.fetch(request),
    host: config.host,
    port: config.workersPort,
    graceMs: config.shutdownGraceMs,
  });
  measure(options.ops, { attempts, actions });
  return {
    port: server.port,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      attempts[Symbol.dispose]();
    },
  };
}

function measure(
  { metrics }: Ops,
  { attempts, actions }: { attempts: RemoteAttempts; actions: ReadonlyMap<string, RemoteAction> },
): void {
  new Gauge({
    name: 'errand_remote_attempts',
    help: 'Attempts that remote workers run',
    registers: [metrics],
    collect() {
      this.set(attempts.running());
    },
  });
  new Gauge({
    name: 'errand_remote_free_slots',
    help: 'Slots of remote workers that wait for an attempt, by action',
    labelNames: ['action'],
    registers: [metrics],
    collect() {
      for (const [action, { claims }] of actions) this.set({ action }, claims.free());
    },
  });
}

function refusalOf(error: unknown): unknown {
  if (error instanceof WorkerRefusal) return error;
  if (error instanceof LogUnavailable) return new WorkerRefusal('unavailable', 'The log does not answer.');
  // The scheduler's own words, such as that the action has too many contracts.
  return error instanceof Error ? new WorkerRefusal('action_refused', error.message) : error;
}
