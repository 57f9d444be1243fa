import type { ChildProcess } from 'node:child_process';
import type { BenchSystem } from './bench-system.ts';
import { natsTraffic } from './nats-traffic.ts';
import { cpuSeconds, residentMb } from './process-usage.ts';

/** In bytes. */
export interface Memory {
  rss: number;
  heapUsed: number;
}

/** What a gateway used in a stretch of time. */
export interface Spell {
  seconds: number;
  cpuS: number;
  /** Messages to and from NATS. */
  natsSent: number;
  natsReceived: number;
  /** Subscriptions at the start. */
  subscriptions: number;
}

export interface GatewayWatch {
  /** After a full garbage collection. */
  memory(): Promise<Memory>;
  /** Current and peak resident memory in MB. */
  residentMb(): Promise<{ now: number; peak: number }>;
  /** What the gateway uses during the work. */
  during(work: () => Promise<unknown>): Promise<Spell>;
}

/** Watches the gateway of a system, which must be a `gateway-process.ts` with --expose-gc. */
export function watchGateway({ pids, processes, nats }: BenchSystem): GatewayWatch {
  const pid = pids.gateway;
  const child = processes.get('gateway');
  if (pid === undefined || !child) throw new Error('the system has no gateway');
  const read = async () => ({
    cpuS: await cpuSeconds(pid),
    traffic: (await natsTraffic(nats.monitorUrl)).get('errand-gateway'),
  });
  return {
    memory() {
      const answer = messageOf<Memory>(child, (message) => Object.hasOwn(message as object, 'heapUsed'));
      child.send('memory');
      return answer;
    },
    residentMb: () => residentMb(pid),
    async during(work) {
      const before = await read();
      const begunMs = performance.now();
      await work();
      const seconds = (performance.now() - begunMs) / 1_000;
      const after = await read();
      return {
        seconds,
        cpuS: after.cpuS - before.cpuS,
        natsSent: (after.traffic?.sent ?? 0) - (before.traffic?.sent ?? 0),
        natsReceived: (after.traffic?.received ?? 0) - (before.traffic?.received ?? 0),
        subscriptions: before.traffic?.subscriptions ?? 0,
      };
    },
  };
}

/** Resolves to the first matching message from a child process. */
export function messageOf<T>(child: ChildProcess, fits: (message: unknown) => boolean): Promise<T> {
  return new Promise((resolve) => {
    const listen = (message: unknown) => {
      if (!fits(message)) return;
      child.off('message', listen);
      resolve(message as T);
    };
    child.on('message', listen);
  });
}
