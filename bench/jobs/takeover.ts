import { randomUUIDv7 } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Bus, openBus, type StoredEvent } from '@errand/bus';
import { connectionOf } from '@errand/bus/testing';
import { DEFAULT_TOPOLOGY, type JobRef, jobSubjects, storedSubject, toJobEvent } from '@errand/contracts';
import { foldJob } from '@errand/domain';
import { freePort, startNatsServer } from '@errand/local-servers';
import { startTestScheduler } from '@errand/testkit';
import { executorPid } from '../../tests/faults/executor-pid.ts';
import { type Member, startMember } from '../../tests/faults/member.ts';
import { hold } from '../actions/takeover-action.ts';
import { percentile } from '../harness/percentile.ts';

const ROUNDS = 25;
const LEASE_MS = 3_000;
/** A job is taken over within the lease plus this margin; on an orderly stop, within this margin alone. */
const MARGIN_MS = 1_000;
const MAX_WAIT_MS = 30_000;

interface Way {
  readonly name: string;
  readonly about: string;
  readonly boundMs: number;
  readonly end: (executor: Member) => void;
}

const WAYS: readonly Way[] = [
  {
    name: 'crash',
    about: 'SIGKILL',
    boundMs: LEASE_MS + MARGIN_MS,
    end: (executor) => executor.kill(),
  },
  { name: 'stop', about: 'SIGTERM', boundMs: MARGIN_MS, end: (executor) => executor.terminate() },
];

/**
 * From the signal that ends the executor of a running job to the start of the job's next attempt on another one, by the
 * log's times. Two executors run at a time; each signal comes at a random moment of the lease.
 */
export async function benchTakeover(): Promise<object> {
  await using resources = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), 'errand-bench-'));
  resources.defer(() => rm(dir, { recursive: true, force: true }));
  const nats = await startNatsServer({ storeDir: join(dir, 'nats'), logFile: join(dir, 'nats.log') });
  resources.defer(() => nats.stop());
  const executors: Member[] = [];
  resources.use(await startTestScheduler(nats.url));
  for (const name of ['executor-1', 'executor-2']) {
    executors.push(resources.use(await startExecutor({ name, natsUrl: nats.url, dir })));
  }
  await Promise.all(executors.map((executor) => executor.ready()));
  const topology = DEFAULT_TOPOLOGY;
  const bus = resources.use(await openBus({ servers: nats.url, name: 'bench', topology }));
  const figures: { way: Way; takeoversMs: number[] }[] = [];
  for (const way of WAYS) {
    const takeoversMs: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      takeoversMs.push(await measureTakeover({ bus, executors, way }));
    }
    figures.push({ way, takeoversMs });
  }
  return report(figures);
}

async function startExecutor(options: { name: string; natsUrl: string; dir: string }): Promise<Member> {
  const port = await freePort();
  return startMember({
    name: options.name,
    mainFile: fileURLToPath(new URL('../actions/takeover-executor.ts', import.meta.url)),
    env: {
      NATS_URL: options.natsUrl,
      ERRAND_OPS_PORT: String(port),
      ERRAND_LEASE_MS: String(LEASE_MS),
      ERRAND_LOG_LEVEL: 'warn',
    },
    readyUrl: `http://127.0.0.1:${port}/readyz`,
    logFile: join(options.dir, `${options.name}.log`),
  });
}

async function measureTakeover({
  bus,
  executors,
  way,
}: {
  bus: Bus;
  executors: readonly Member[];
  way: Way;
}): Promise<number> {
  const ref = { tenantId: 'bench', action: 'hold', jobId: randomUUIDv7() };
  const starts = await watchStarts(bus, ref);
  try {
    await request(bus, ref);
    await starts.next();
    const { executorId } = foldJob(await bus.jobs.read(ref))?.attempt.value ?? {};
    const executor = executors.find(({ pid }) => pid === executorPid(executorId ?? ''));
    if (!executor) throw new Error(`no executor here is ${executorId}`);
    // The lease is renewed every third of it, so its age at the signal is random.
    await sleep((Math.random() * LEASE_MS) / 3);
    const signalledMs = performance.now();
    way.end(executor);
    const takeoverMs = (await starts.next()) - signalledMs;
    await executor.ready();
    return takeoverMs;
  } finally {
    starts.stop();
  }
}

/** Resolves, once per call, to when the log reported a JobStarted. */
async function watchStarts(bus: Bus, ref: JobRef): Promise<{ next(): Promise<number>; stop(): void }> {
  const waiting = [Promise.withResolvers<number>(), Promise.withResolvers<number>()];
  let told = 0;
  let awaited = 0;
  const stop = bus.jobs.onStored(storedSubject(jobSubjects(ref)), {
    onEvent: ({ type }: StoredEvent) => {
      if (type === 'JobStarted') waiting[told++]?.resolve(performance.now());
    },
    onGap: () => {},
  });
  await connectionOf(bus).flush();
  return {
    stop,
    async next() {
      const none = sleep(MAX_WAIT_MS, undefined, { ref: false }).then(() => {
        throw new Error(`no attempt began within ${MAX_WAIT_MS} ms`);
      });
      return Promise.race([waiting[awaited++]?.promise ?? none, none]);
    },
  };
}

async function request(bus: Bus, ref: JobRef): Promise<void> {
  const event = toJobEvent(
    {
      type: 'JobRequested',
      data: {
        tenant_id: ref.tenantId,
        action: ref.action,
        action_version: '1',
        contract_id: hold.contract.contract_id,
        resource: {},
        input: {},
        metadata: {},
        source: 'api',
        requested_by: 'bench',
        finish_by: new Date(Date.now() + 3_600_000).toISOString(),
      },
    },
    { id: randomUUIDv7(), jobId: ref.jobId, source: '/errand/bench', timeMs: Date.now() },
  );
  await bus.jobs.append({ ref, event, expectedVersion: 0 });
}

function report(figures: readonly { way: Way; takeoversMs: number[] }[]): object {
  console.log(
    `\nlease ${LEASE_MS} ms, ${ROUNDS} executors ended in each way, from the signal to JobStarted\n`,
  );
  console.log('signal        p50 ms    p99 ms    max ms    bound ms    within');
  const rows = figures.map(({ way, takeoversMs }) => {
    const at = (share: number) => Math.round(percentile(takeoversMs, share));
    const within = takeoversMs.filter((ms) => ms <= way.boundMs).length;
    const row = { p50_ms: at(0.5), p99_ms: at(0.99), max_ms: at(1), bound_ms: way.boundMs, within };
    const cells = [row.p50_ms, row.p99_ms, row.max_ms].map((ms) => String(ms).padStart(10));
    const bound = String(way.boundMs).padStart(12);
    console.log(`${way.about.padEnd(10)}${cells.join('')}${bound}${`${within}/${ROUNDS}`.padStart(10)}`);
    return [way.name, row] as const;
  });
  console.log('');
  return { lease_ms: LEASE_MS, rounds: ROUNDS, ...Object.fromEntries(rows) };
}
