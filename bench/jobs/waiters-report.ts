import type { Memory, Spell } from '../harness/gateway-watch.ts';
import { percentile, round } from '../harness/percentile.ts';

const BYTES_PER_MB = 1_048_576;

export interface WaitersSeen {
  waiters: number;
  /** How long it took until all of them were waiting. */
  connectingS: number;
  alone: Memory;
  waiting: Memory;
  afterwards: Memory;
  waitingMbBeforeCollection: number;
  peakMb: number;
  rest: Spell;
  burst: Spell;
  /** From the first append of the burst to the last acknowledgement. */
  appendingS: number;
  /** From the acknowledgement of the ending to its receipt, in milliseconds, by kind of waiter. */
  receiptMs: Record<string, number[]>;
  failures: readonly string[];
}

/** Prints the figures for people and returns those for scripts. */
export function reportWaiters(seen: WaitersSeen): object {
  const mb = (bytes: number) => round(bytes / BYTES_PER_MB, 0);
  const { alone, waiting, rest, burst, afterwards, waiters } = seen;
  const receipts = Object.values(seen.receiptMs).flat();
  const of = (ms: readonly number[]) => ({
    p50: round(percentile(ms, 0.5), 1),
    p99: round(percentile(ms, 0.99), 1),
    max: round(percentile(ms, 1), 1),
  });
  const figures = {
    waiters,
    got_their_ending: receipts.length,
    connecting_s: round(seen.connectingS, 1),
    resident_mb: {
      alone: mb(alone.rss),
      waiting_before_collection: round(seen.waitingMbBeforeCollection, 0),
      waiting: mb(waiting.rss),
      peak: round(seen.peakMb, 0),
      afterwards: mb(afterwards.rss),
    },
    heap_mb: {
      alone: mb(alone.heapUsed),
      waiting: mb(waiting.heapUsed),
      afterwards: mb(afterwards.heapUsed),
    },
    kb_per_waiter: round((waiting.rss - alone.rss) / 1_024 / waiters, 1),
    rest: {
      seconds: round(rest.seconds, 1),
      cpu_percent: round((100 * rest.cpuS) / rest.seconds, 2),
      nats_sent: rest.natsSent,
      nats_received: rest.natsReceived,
      subscriptions: rest.subscriptions,
    },
    burst: {
      appending_s: round(seen.appendingS, 2),
      seconds: round(burst.seconds, 2),
      gateway_cpu_s: round(burst.cpuS, 2),
      nats_sent: burst.natsSent,
      nats_received: burst.natsReceived,
    },
    receipt_ms: Object.fromEntries(Object.entries(seen.receiptMs).map(([how, ms]) => [how, of(ms)])),
  };
  const { resident_mb: resident, heap_mb: heap } = figures;
  const lines = [
    ['callers that wait', `${waiters}, connected in ${figures.connecting_s} s`],
    ['got their ending', `${receipts.length}`],
    [
      'resident MB',
      `${resident.alone} alone, ${resident.waiting} with all waiting, ${resident.peak} at most`,
    ],
    [
      '',
      `${resident.waiting_before_collection} waiting before a collection, ${resident.afterwards} afterwards`,
    ],
    ['heap MB', `${heap.alone} alone, ${heap.waiting} waiting, ${heap.afterwards} afterwards`],
    ['KB a waiter', `${figures.kb_per_waiter} (resident, after a collection)`],
    ['at rest', `${figures.rest.cpu_percent} % CPU over ${figures.rest.seconds} s, one heartbeat in it`],
    [
      '',
      `${rest.natsSent} messages to NATS, ${rest.natsReceived} from it, ${rest.subscriptions} subscriptions`,
    ],
    ['all jobs end', `appended in ${figures.burst.appending_s} s, all told in ${figures.burst.seconds} s`],
    ['', `${figures.burst.gateway_cpu_s} s of gateway CPU, ${burst.natsSent} messages to NATS`],
    ...Object.entries(figures.receipt_ms).map(([how, { p50, p99, max }]) => [
      `ack to ${how}`,
      `p50 ${p50} ms, p99 ${p99} ms, max ${max} ms`,
    ]),
  ];
  console.log(`\n${lines.map(([label = '', text]) => `${label.padEnd(20)}${text}`).join('\n')}\n`);
  if (seen.failures.length > 0) {
    console.log(
      `${seen.failures.length} waiters failed, the first: ${seen.failures.slice(0, 3).join('; ')}\n`,
    );
  }
  return { ...figures, failures: seen.failures.length };
}
