import { createLogger, parseConfig } from '@errand/runtime';
import { startTestNats, waitUntil } from '@errand/testkit';
import { settings } from '../../src/config.ts';
import { startScheduler } from '../../src/start.ts';
import { openTestJobs, type TestJobs } from '../test-jobs.ts';
import type { LoggedEvent } from './hot-path-rules.ts';

/** NATS, one scheduler or two in this process, and somebody who reads the log. */
export interface HotPathSystem extends AsyncDisposable {
  readonly jobs: TestJobs;
  readonly schedulers: number;
  /** One that follows the leader. */
  startFollower(): Promise<void>;
  /** The other one takes over. */
  stopLeader(): Promise<void>;
  /** Reports each event from now on, instead of to an earlier listener, in the log's order. */
  listen(onEvent: (event: LoggedEvent) => void): void;
  /** Resolves once all up to a version was reported. */
  hasReported(version: number): Promise<void>;
}

export async function startHotPathSystem(): Promise<HotPathSystem> {
  await using resources = new AsyncDisposableStack();
  const nats = resources.use(await startTestNats());
  const jobs = resources.use(await openTestJobs(nats.url));
  const config = parseConfig(settings, {
    NATS_URL: nats.url,
    ERRAND_HOST: '127.0.0.1',
    ERRAND_OPS_PORT: '0',
    ERRAND_SCHEDULER_TICK_MS: '10',
  });
  const log = createLogger({ service: 'scheduler', level: 'silent' });
  let failed: unknown;
  /** The leader first. */
  const running: AsyncDisposable[] = [];
  const start = async () => {
    const fail = (error: unknown) => {
      failed = error;
    };
    running.push(await startScheduler(config, { log, signal: new AbortController().signal, fail }));
  };
  resources.defer(async () => {
    for (const each of running) await each[Symbol.asyncDispose]();
  });
  await start();

  let reportedTo = 0;
  let tell: (event: LoggedEvent) => void = () => {};
  const stop = new AbortController();
  const following = jobs.bus.jobs.follow({
    onEvent({ subject, version, storedMs, decode }) {
      const decoded = decode();
      if (decoded.kind === 'event') tell({ subject, version, storedMs, event: decoded.recorded.event });
      reportedTo = version;
    },
    onCaughtUp: () => {},
    signal: stop.signal,
  });
  resources.defer(async () => {
    stop.abort();
    await following;
  });

  const started = resources.move();
  return {
    jobs,
    get schedulers() {
      return running.length;
    },
    startFollower: start,
    async stopLeader() {
      await running.shift()?.[Symbol.asyncDispose]();
      if (failed) throw failed;
    },
    listen(onEvent) {
      tell = onEvent;
    },
    async hasReported(version) {
      await waitUntil(() => reportedTo >= version, { intervalMs: 1 });
    },
    [Symbol.asyncDispose]: () => started[Symbol.asyncDispose](),
  };
}
