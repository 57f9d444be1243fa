import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { killWithThisProcess, startBenchSystem, stopProcess } from '../harness/bench-system.ts';
import { messageOf, watchGateway } from '../harness/gateway-watch.ts';
import { openFilesLimit } from '../harness/process-usage.ts';
import { monotonicMs, queueJobs } from '../harness/queued-jobs.ts';
import { reportWaiters } from './waiters-report.ts';

const WAITERS = 5_000;
/** A gateway's other open files: its connections to NATS and Postgres, its files and its pipes. */
const OTHER_FILES = 200;
const SETTLE_MS = 4_000;
/** The time between two heartbeats of the event streams, so that the rest contains one. */
const REST_S = 15;
const HOWS = ['events', 'status'] as const;

/** What a process of callers is told to do. */
export interface WaitOrder {
  how: (typeof HOWS)[number];
  url: string;
  adminKey: string;
  jobIds: readonly string[];
}

/** What it reports in the end. */
export interface WaitReport {
  /** Job id, and the monotonic moment at which its waiter learned of the job's end. */
  endedAtMs: [jobId: string, atMs: number][];
  failures: string[];
}

/**
 * What 5,000 callers cost one gateway when they all wait for a job at the same time, half of them on event streams and
 * half in status calls with `wait`: at rest, and when all jobs end at once.
 */
export async function benchWaiters(): Promise<object> {
  await demandOpenFiles(WAITERS + OTHER_FILES);
  await using resources = new AsyncDisposableStack();
  const mainFile = fileURLToPath(new URL('../harness/gateway-process.ts', import.meta.url));
  const gatewayStart = { name: 'gateway', mainFile, nodeFlags: ['--expose-gc'] } as const;
  const system = resources.use(await startBenchSystem([gatewayStart, { name: 'projection' }]));
  const jobs = resources.use(await queueJobs(system.nats.url, WAITERS));
  await sleep(SETTLE_MS);
  const gateway = watchGateway(system);
  const alone = await gateway.memory();

  const connectedMs = performance.now();
  const clients = HOWS.map((how, index) => {
    const jobIds = jobs.jobIds.filter((_, job) => job % HOWS.length === index);
    const client = startWaiters({ how, jobIds, url: system.url, adminKey: system.adminKey });
    resources.use(client);
    return client;
  });
  await Promise.all(clients.map(({ waiting }) => waiting));
  const connectingS = (performance.now() - connectedMs) / 1_000;
  await sleep(SETTLE_MS);
  const waitingMbBeforeCollection = (await gateway.residentMb()).now;
  const waiting = await gateway.memory();
  const rest = await gateway.during(() => sleep(REST_S * 1_000));

  const begunMs = monotonicMs();
  let endedAtMs = new Map<string, number>();
  let reports: WaitReport[] = [];
  const burst = await gateway.during(async () => {
    endedAtMs = await jobs.endAll();
    reports = await Promise.all(clients.map(({ report }) => report));
  });
  const peakMb = (await gateway.residentMb()).peak;
  await sleep(SETTLE_MS);
  const receiptsOf = (report: WaitReport | undefined) =>
    (report?.endedAtMs ?? []).map(([jobId, atMs]) => atMs - (endedAtMs.get(jobId) ?? Number.NaN));
  return reportWaiters({
    waiters: WAITERS,
    connectingS,
    alone,
    waiting,
    waitingMbBeforeCollection,
    rest,
    burst,
    peakMb,
    afterwards: await gateway.memory(),
    appendingS: (Math.max(...endedAtMs.values()) - begunMs) / 1_000,
    receiptMs: Object.fromEntries(HOWS.map((how, index) => [how, receiptsOf(reports[index])])),
    failures: reports.flatMap((report) => report.failures),
  });
}

async function demandOpenFiles(needed: number): Promise<void> {
  const limit = await openFilesLimit();
  console.log(`open files: a process may have ${limit} here, the gateway needs ${needed}`);
  if (limit < needed) throw new Error(`too few open files are allowed: ulimit -n ${needed}`);
}

/** A process of callers. `waiting` resolves when all of them wait, `report` when all calls are over. */
function startWaiters(order: WaitOrder) {
  const child = fork(new URL('./waiters-process.ts', import.meta.url));
  killWithThisProcess(child);
  const gone = once(child, 'exit').then(([code]) => {
    throw new Error(`the callers' process ended with ${code}`);
  });
  const waiting = Promise.race([messageOf(child, (message) => message === 'waiting'), gone]);
  const report = Promise.race([messageOf<WaitReport>(child, (message) => typeof message === 'object'), gone]);
  // A failure is thrown where these are awaited, which may be later.
  for (const each of [gone, waiting, report]) each.catch(() => {});
  child.send(order);
  return { waiting, report, [Symbol.asyncDispose]: () => stopProcess(child) };
}
