import { setTimeout as pause } from 'node:timers/promises';
import { type Bus, openBus } from '@errand/bus';
import {
  AUDIT_STREAM,
  BUCKETS,
  DEFAULT_TOPOLOGY,
  JOBS_STREAM,
  LogPosition,
  PROJECTION_READER,
} from '@errand/contracts';
import { rawNatsRequest, verifyLog } from '@errand/testkit';
import { Pool } from 'undici';
import { type BenchSystem, startBenchSystem } from '../harness/bench-system.ts';
import { startCountingReceiver } from '../harness/counting-receiver.ts';
import { readNumbers } from '../harness/options.ts';
import { percentile, round } from '../harness/percentile.ts';
import { cpuSeconds, residentMb } from '../harness/process-usage.ts';

/** The least that is allowed, so that what leaves the log begins to leave it soon. */
const GRACE_MINUTES = 2;
const CONNECTIONS = 64;
const TICK_MS = 10;
const HOUR_MS = 3_600_000;

/** Of a thousand jobs. */
const FAILING = 100;
const RETRYING = 50;
const WAITED_FOR = 10;
/** They wait for an hour. */
const STARTING_LATER = 1;

interface Minute {
  readonly runs: number;
  readonly failedCalls: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of a core, in percent, by process. */
  readonly cpu: Readonly<Record<string, number>>;
  readonly natsMb: number;
  readonly jobsEvents: number;
  readonly jobsMb: number;
  readonly auditMb: number;
  /** Events that the read model has still to take in, as it said within the last second. */
  readonly behind: number;
  /** Webhook calls that have arrived. */
  readonly calls: number;
}

/**
 * A steady load of mixed jobs, each with a webhook call: CPU, memory, disk and lag of each minute. What leaves the log does
 * so from the twelfth minute on.
 */
export async function benchSustained(args: readonly string[]): Promise<object> {
  const { rate, minutes } = readNumbers(args, { rate: 300, minutes: 20 });
  await using resources = new AsyncDisposableStack();
  const services = ['gateway', 'projection', 'webhooks', 'scheduler'] as const;
  const executor = new URL('../actions/noop-executor.ts', import.meta.url).pathname;
  const system = resources.use(
    await startBenchSystem(
      [...services.map((name) => ({ name })), { name: 'executor', mainFile: executor }],
      { ERRAND_LOG_GRACE_MINUTES: String(GRACE_MINUTES) },
    ),
  );
  const bus = resources.use(
    await openBus({ servers: system.nats.url, name: 'bench', topology: DEFAULT_TOPOLOGY }),
  );
  const receiver = resources.use(await startCountingReceiver());
  const load = resources.use(createLoad(system, rate));
  await load.addEndpoint(receiver.url);
  await load.untilServed();

  console.log(
    `\n${rate} jobs a second, ${FAILING / 10} % fail, ${RETRYING / 10} % are retried, ${WAITED_FOR / 10} % are waited for, ` +
      `${STARTING_LATER / 10} % start in an hour, each with a webhook call; ERRAND_LOG_GRACE_MINUTES=${GRACE_MINUTES}\n`,
  );
  console.log(
    'minute    runs  failed   p50   p99 ms   CPU % of a core   NATS MB   JOBS events      MB   AUDIT MB   behind   calls',
  );
  const seen: Minute[] = [];
  load.start();
  for (let minute = 1; minute <= minutes; minute++) {
    const before = await cpuOf(system);
    const callsBefore = receiver.calls();
    await pause(60_000);
    const after = await cpuOf(system);
    const cpu = Object.fromEntries(
      Object.entries(after).map(([name, used]) => [
        name,
        round(((used - (before[name] ?? 0)) / 60) * 100, 1),
      ]),
    );
    const each = {
      ...load.take(),
      cpu,
      ...(await stateOf(system, bus)),
      calls: receiver.calls() - callsBefore,
    };
    seen.push(each);
    console.log(lineOf(minute, each));
  }
  await load.stop();
  const findings = await verifyLog(system);
  console.log(`\nverify: ${JSON.stringify(findings)}\n`);
  return { rate, minutes: seen, findings };
}

function createLoad(system: BenchSystem, rate: number) {
  const pool = new Pool(system.url, { connections: CONNECTIONS });
  const headers = { authorization: `Bearer ${system.adminKey}`, 'content-type': 'application/json' };
  const underWay = new Set<Promise<void>>();
  let timer: NodeJS.Timeout | undefined;
  let latencies: number[] = [];
  let failedCalls = 0;
  let asked = 0;

  const call = async (method: 'POST' | 'GET', path: string, body?: object, more = {}) => {
    const answer = await pool.request({
      method,
      path,
      headers: { ...headers, ...more },
      body: body ? JSON.stringify(body) : null,
    });
    return { status: answer.statusCode, text: await answer.body.text() };
  };

  async function run(number: number): Promise<void> {
    const of = number % 1_000;
    const outcome = of < FAILING ? 'fail' : of < FAILING + RETRYING ? 'retry' : 'succeed';
    const isLater = of >= 1_000 - STARTING_LATER;
    const isWaitedFor = of >= 500 && of < 500 + WAITED_FOR;
    const _job = isLater ? { _job: { start_after: new Date(Date.now() + HOUR_MS).toISOString() } } : {};
    const begunMs = performance.now();
    const wait = isWaitedFor ? { prefer: 'wait=20' } : {};
    const answer = await call('POST', '/v2/tenants/bench/mixed/run', { outcome, ..._job }, wait).catch(
      () => undefined,
    );
    if (answer?.status !== 202 && answer?.status !== 200) failedCalls++;
    else if (!isWaitedFor) latencies.push(performance.now() - begunMs);
  }

  return {
    async addEndpoint(url: string) {
      const { status, text } = await call('POST', '/v2/tenants/bench/webhooks', { url });
      if (status !== 201) throw new Error(text);
    },
    async untilServed() {
      for (;;) {
        const { status } = await call('POST', '/v2/tenants/bench/mixed/run?validate_only=true', {
          outcome: 'succeed',
        });
        if (status === 200) return;
        await pause(100);
      }
    },
    start() {
      const begunMs = performance.now();
      timer = setInterval(() => {
        const wanted = Math.floor(((performance.now() - begunMs) / 1_000) * rate);
        while (asked < wanted) {
          const running = run(asked++).finally(() => underWay.delete(running));
          underWay.add(running);
        }
      }, TICK_MS);
    },
    take() {
      const taken = {
        runs: latencies.length,
        failedCalls,
        p50Ms: round(percentile(latencies, 0.5), 1),
        p99Ms: round(percentile(latencies, 0.99), 1),
      };
      latencies = [];
      failedCalls = 0;
      return taken;
    },
    async stop() {
      clearInterval(timer);
      await Promise.all(underWay);
    },
    [Symbol.asyncDispose]: () => pool.destroy(),
  };
}

async function cpuOf({ pids }: BenchSystem): Promise<Record<string, number>> {
  const used = Object.entries(pids).map(async ([name, pid]) => [name, await cpuSeconds(pid)] as const);
  return Object.fromEntries(await Promise.all(used));
}

async function stateOf(system: BenchSystem, bus: Bus) {
  const streamOf = async (name: string) =>
    (await rawNatsRequest(system.nats.url, `$JS.API.STREAM.INFO.${name}`)) as {
      state: { messages: number; bytes: number; last_seq: number };
    };
  const [jobs, audit, projection] = await Promise.all([
    streamOf(JOBS_STREAM),
    streamOf(AUDIT_STREAM),
    (await bus.buckets.open(BUCKETS.positions, LogPosition)).get(PROJECTION_READER.name),
  ]);
  return {
    natsMb: Math.round((await residentMb(system.nats.pid)).now),
    jobsEvents: jobs.state.messages,
    jobsMb: Math.round(jobs.state.bytes / 1e6),
    auditMb: Math.round(audit.state.bytes / 1e6),
    behind: jobs.state.last_seq - (projection?.version ?? 0),
  };
}

function lineOf(minute: number, each: Minute): string {
  const total = Object.values(each.cpu).reduce((sum, part) => sum + part, 0);
  return [
    String(minute).padStart(6),
    String(each.runs).padStart(8),
    String(each.failedCalls).padStart(8),
    each.p50Ms.toFixed(1).padStart(6),
    each.p99Ms.toFixed(1).padStart(9),
    total.toFixed(0).padStart(18),
    String(each.natsMb).padStart(10),
    String(each.jobsEvents).padStart(14),
    String(each.jobsMb).padStart(8),
    String(each.auditMb).padStart(11),
    String(each.behind).padStart(9),
    String(each.calls).padStart(8),
  ].join('');
}
