import { setTimeout as sleep } from 'node:timers/promises';
import { type BenchSystem, startBenchSystem } from '../harness/bench-system.ts';
import { type NatsTraffic, natsTraffic } from '../harness/nats-traffic.ts';
import { round } from '../harness/percentile.ts';
import { cpuSeconds, proportionalMb, residentMb, wakeUps } from '../harness/process-usage.ts';

const SETTLE_MS = 15_000;
const WINDOW_S = 20;
const SERVICES = ['gateway', 'scheduler', 'executor', 'projection', 'webhooks'] as const;

interface Usage {
  cpuSeconds: number;
  wakeUps: number;
  mb: number;
}

/** What each process of a system uses while it is idle, and what the services send to NATS meanwhile. */
export async function benchIdle(): Promise<object> {
  await using system = await startBenchSystem(SERVICES.map((name) => ({ name })));
  await sleep(SETTLE_MS);
  const before = await readAll(system);
  const trafficBefore = await natsTraffic(system.nats.monitorUrl);
  const begunMs = performance.now();
  await sleep(WINDOW_S * 1_000);
  const after = await readAll(system);
  const seconds = (performance.now() - begunMs) / 1_000;
  const trafficAfter = await natsTraffic(system.nats.monitorUrl);
  return report({ before, after, seconds, trafficBefore, trafficAfter });
}

async function readAll(system: BenchSystem): Promise<Map<string, Usage>> {
  const usages = Object.entries(system.pids).map(async ([name, pid]) => {
    const mb = name === 'postgres' ? await proportionalMb(pid) : (await residentMb(pid)).now;
    return [name, { cpuSeconds: await cpuSeconds(pid), wakeUps: await wakeUps(pid), mb }] as const;
  });
  return new Map(await Promise.all(usages));
}

function report(window: {
  before: Map<string, Usage>;
  after: Map<string, Usage>;
  seconds: number;
  trafficBefore: Map<string, NatsTraffic>;
  trafficAfter: Map<string, NatsTraffic>;
}): object {
  const { before, after, seconds, trafficBefore, trafficAfter } = window;
  const processes = [...after].map(([name, usage]) => {
    const client = `errand-${name}`;
    const sent = (trafficAfter.get(client)?.sent ?? 0) - (trafficBefore.get(client)?.sent ?? 0);
    const received = (trafficAfter.get(client)?.received ?? 0) - (trafficBefore.get(client)?.received ?? 0);
    return {
      name,
      cpu_percent: round((100 * (usage.cpuSeconds - (before.get(name)?.cpuSeconds ?? 0))) / seconds, 2),
      wake_ups_per_s: round((usage.wakeUps - (before.get(name)?.wakeUps ?? 0)) / seconds, 0),
      memory_mb: round(usage.mb, 0),
      nats_sent_per_s: round(sent / seconds, 1),
      nats_received_per_s: round(received / seconds, 1),
    };
  });
  const cpuPercent = round(
    processes.reduce((sum, each) => sum + each.cpu_percent, 0),
    2,
  );
  console.log(
    `\nAt rest for ${round(seconds, 1)} s, after ${SETTLE_MS / 1_000} s to settle; no jobs were ever run.`,
  );
  console.log(
    'CPU in percent of one core. Memory: resident; of postgres with its children, shared pages once.\n',
  );
  console.log('process         CPU %   wake-ups/s   memory MB   to NATS msg/s   from NATS msg/s');
  for (const each of processes) {
    console.log(
      `${each.name.padEnd(12)}${each.cpu_percent.toFixed(2).padStart(9)}` +
        `${String(each.wake_ups_per_s).padStart(13)}${String(each.memory_mb).padStart(12)}` +
        `${each.nats_sent_per_s.toFixed(1).padStart(16)}${each.nats_received_per_s.toFixed(1).padStart(18)}`,
    );
  }
  console.log(`${'all'.padEnd(12)}${cpuPercent.toFixed(2).padStart(9)}\n`);
  return { seconds: round(seconds, 1), cpu_percent: cpuPercent, processes };
}
