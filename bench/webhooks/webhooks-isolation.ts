import { setTimeout as sleep } from 'node:timers/promises';
import type { WebhookEndpoint } from '@errand/contracts';
import { startEndingLoad } from '../../tests/webhook-faults/ending-load.ts';
import { endJobs, monotonicMs, openJobs } from '../../tests/webhook-faults/open-jobs.ts';
import { type RemoteReceiver, startRemoteReceiver } from '../../tests/webhook-faults/remote-receiver.ts';
import { startWebhookSystem, type WebhookSystem } from '../../tests/webhook-faults/webhook-system.ts';
import { readNumbers } from '../harness/options.ts';
import { percentile } from '../harness/percentile.ts';
import { cpuSeconds, residentMb } from '../harness/process-usage.ts';
import { type Figures, reportIsolation, type Stage } from './webhooks-isolation-report.ts';
import {
  beginHanging,
  ENDPOINTS_PER_TENANT,
  endHanging,
  endpointsOf,
  parkForDead,
  untilBreakersOpen,
} from './webhooks-neighbours.ts';

const TENANTS = 20;
const PORTS = 10;

/** Offered at a fixed rate, well below what the process can do; each ending is ten deliveries. */
const ENDINGS_PER_S = 30;
const OFFERED_MS = 7_000;
/** Offered at once, for the highest throughput. */
const BURST_ENDINGS = 400;
const WARM_UPS = 2;
const DEFAULT_TURNS = 3;
const DEFAULT_ROWS = 100_000;

/** One of two systems that take turns. */
interface Side {
  readonly name: 'alone' | 'beside';
  readonly system: WebhookSystem;
  readonly healthy: RemoteReceiver;
  readonly tenantIds: readonly string[];
}

/**
 * What a dead endpoint with many pending deliveries and 100 hanging endpoints cost 200 healthy ones. Two systems take
 * turns, one of which has only the healthy endpoints; at first both do, which shows the effect of chance. `--rows <n>`
 * is how many deliveries wait for the dead endpoint, 100,000 by default; `--turns <n>` how often each is measured.
 */
export async function benchWebhooksIsolation(args: readonly string[]): Promise<object> {
  const { rows, turns } = readNumbers(args, { rows: DEFAULT_ROWS, turns: DEFAULT_TURNS });
  await using resources = new AsyncDisposableStack();
  const alone = await startSide('alone', resources);
  const beside = await startSide('beside', resources);
  const hanging = resources.use(
    await startRemoteReceiver({ ports: PORTS, delayMs: Number.POSITIVE_INFINITY }),
  );
  for (let warmUp = 0; warmUp < WARM_UPS; warmUp++) {
    for (const side of [alone, beside]) await measure(side, hanging);
  }
  const stages: Stage[] = [];
  stages.push(await takeTurns('nothing', { turns, alone, beside, hanging }));

  const memoryBefore = await memoryMb(beside.system);
  const dead = await parkForDead(beside.system, rows);
  const memoryAfter = await memoryMb(beside.system);
  say(
    `${rows} deliveries wait for a dead endpoint; memory ${memoryBefore} MB before, ${memoryAfter} MB after`,
  );
  const hangers = {
    begin: (turn: number) => beginHanging(beside.system, hanging, turn),
    end: (endpoints: readonly WebhookEndpoint[]) => endHanging(beside.system, hanging, endpoints),
  };
  stages.push(await takeTurns('all hang at once', { turns, alone, beside, hanging, hangers }));
  const endpoints = await beginHanging(beside.system, hanging, turns);
  await untilBreakersOpen(beside.system, endpoints);
  stages.push(await takeTurns('breakers open', { turns, alone, beside, hanging }));
  const calls = await callsTo(beside.system, dead);
  return reportIsolation({ stages, rows, calls, memoryMb: { before: memoryBefore, after: memoryAfter } });
}

async function startSide(name: Side['name'], resources: AsyncDisposableStack): Promise<Side> {
  const healthy = resources.use(await startRemoteReceiver({ ports: PORTS, delayMs: 0 }));
  const system = resources.use(await startWebhookSystem({ processes: 1, durable: true }));
  const tenantIds = Array.from({ length: TENANTS }, (_, index) => `healthy-${index}`);
  await system.addEndpoints(endpointsOf(tenantIds, healthy));
  return { name, system, healthy, tenantIds };
}

/** Measures both sides in turns; hanging endpoints begin anew in each turn. */
async function takeTurns(
  name: string,
  sides: {
    turns: number;
    alone: Side;
    beside: Side;
    hanging: RemoteReceiver;
    hangers?: {
      begin(turn: number): Promise<WebhookEndpoint[]>;
      end(endpoints: readonly WebhookEndpoint[]): Promise<void>;
    };
  },
): Promise<Stage> {
  const { turns, alone, beside, hanging, hangers } = sides;
  const stage: Stage = { name, alone: [], beside: [] };
  for (let turn = 0; turn < turns; turn++) {
    stage.alone.push(await measure(alone, hanging));
    const begun = await hangers?.begin(turn);
    stage.beside.push(await measure(beside, hanging));
    if (begun) await hangers?.end(begun);
    say(`${name}, turn ${turn + 1} of ${turns}`);
  }
  return stage;
}

/** First at a fixed rate, for latencies, then all at once, for throughput. */
async function measure({ system, healthy, tenantIds }: Side, hanging: RemoteReceiver): Promise<Figures> {
  const pid = system.members[0]?.pid ?? 0;
  const cpuBefore = await cpuSeconds(pid);
  const beganMs = monotonicMs();
  const hangingAtBegin = await hanging.open();
  const most = Math.ceil((ENDINGS_PER_S * (OFFERED_MS + 5_000)) / 1_000);
  const load = await startEndingLoad(system.bus, { tenantIds, perSecond: ENDINGS_PER_S, most });
  await sleep(OFFERED_MS);
  await load.stop();
  const offered = load.endings.length * ENDPOINTS_PER_TENANT;
  await healthy.until(offered);
  const { eventIds, atMs } = await healthy.take();
  const storedAtMs = new Map(load.endings.map(({ eventId, storedMs }) => [eventId, storedMs]));
  const latencies = eventIds.map((id, index) => (atMs[index] ?? 0) - (storedAtMs.get(id) ?? Number.NaN));

  const burst = Array.from({ length: BURST_ENDINGS }, (_, index) => tenantIds[index % TENANTS] ?? '');
  const jobs = await openJobs(system.bus, burst);
  const burstBeganMs = monotonicMs();
  await endJobs(system.bus, jobs);
  await healthy.until(BURST_ENDINGS * ENDPOINTS_PER_TENANT);
  const { atMs: burstAtMs } = await healthy.take();
  const burstMs = (burstAtMs.at(-1) ?? Number.NaN) - burstBeganMs;
  const deliveries = offered + burstAtMs.length;
  return {
    p50_ms: percentile(latencies, 0.5),
    p99_ms: percentile(latencies, 0.99),
    per_s: (burstAtMs.length * 1_000) / burstMs,
    cpu_us: (((await cpuSeconds(pid)) - cpuBefore) * 1e6) / deliveries,
    took_s: (monotonicMs() - beganMs) / 1_000,
    hanging: [hangingAtBegin, await hanging.open()],
  };
}

async function callsTo({ db }: WebhookSystem, { endpoint_id }: WebhookEndpoint): Promise<number> {
  const attempts = db.selectFrom('webhook_attempt').where('endpoint_id', '=', endpoint_id);
  return (await attempts.select('attempt').execute()).length;
}

async function memoryMb({ members }: WebhookSystem): Promise<number> {
  return Math.round((await residentMb(members[0]?.pid ?? 0)).now);
}

function say(line: string): void {
  console.error(line);
}
