import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBus } from '@errand/bus';
import { ActionRecord, BUCKETS, DEFAULT_TOPOLOGY } from '@errand/contracts';
import { recordOf } from '@errand/domain/testing';
import { startNatsServer } from '@errand/local-servers';
import { noop } from '../actions/noop-action.ts';
import { type BenchGateway, startBenchGateway } from '../harness/bench-gateway.ts';
import { percentile } from '../harness/percentile.ts';
import type { CallOrder, CallReport } from './overload-caller.ts';

const SECONDS = 8;
/** For this long a gateway takes a load for a burst, and refuses nobody. */
const WARM_UP_SECONDS = 24;
/** A check that costs the gateway far more time than the call costs its caller, and that needs no other process. */
const INPUT = { values: Array.from({ length: 300 }, () => 1) };
const HEAVY_SCHEMA = {
  type: 'object',
  allOf: Array.from({ length: 500 }, (_, at) => ({ properties: { values: { items: { minimum: -at } } } })),
};
const SHARES = [0.5, 1, 2, 3];
/** Rates at which to look for the peak. */
const RATES = [400, 800, 1_200, 1_600, 2_000, 2_400];

interface Figures {
  offered: number;
  accepted: number;
  refused: number;
  unsent: number;
  p50: number;
  p99: number;
  refusedP99: number;
}

/** What a gateway answers, and how fast, at up to three times the load that it can handle. */
export async function benchOverload(): Promise<object> {
  const dir = await mkdtemp(join(tmpdir(), 'errand-bench-'));
  const nats = await startNatsServer({ storeDir: join(dir, 'nats'), logFile: join(dir, 'nats.log') });
  let gateway: BenchGateway | undefined;
  try {
    await announce(nats.url);
    gateway = await startBenchGateway({ natsUrl: nats.url, append: 'none' });
    await offer(gateway, 100, 3, 0);
    let peak = 0;
    for (const rate of RATES) {
      const { accepted } = await offer(gateway, rate, SECONDS, 0);
      if (accepted < peak * 0.9) break;
      peak = Math.max(peak, accepted);
    }
    const shares: (Figures & { share: number })[] = [];
    for (const share of SHARES) {
      shares.push({ share, ...(await offer(gateway, peak * share, SECONDS, WARM_UP_SECONDS)) });
    }
    return report(peak, shares);
  } finally {
    await gateway?.stop();
    await nats.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

async function announce(natsUrl: string): Promise<void> {
  await using bus = await openBus({ servers: natsUrl, name: 'bench', topology: DEFAULT_TOPOLOGY });
  const bucket = await bus.buckets.open(BUCKETS.actions, ActionRecord);
  const { contract } = noop;
  const heavy = { name: 'heavy', resource: 'designs/{design_id}', input_schema: HEAVY_SCHEMA };
  await bucket.put('heavy', recordOf({ ...contract, ...heavy }));
}

async function offer(
  gateway: BenchGateway,
  perSecond: number,
  seconds: number,
  warmUpSeconds: number,
): Promise<Figures> {
  const { port } = new URL(gateway.url);
  const body = JSON.stringify(INPUT);
  const request =
    `POST /v2/tenants/bench/designs/d-1/heavy/run?validate_only=true HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n` +
    `authorization: Bearer ${gateway.adminKey}\r\ncontent-type: application/json\r\n` +
    `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
  const order: CallOrder = { port: Number(port), request, perSecond, seconds, warmUpSeconds };
  const caller = fork(new URL('./overload-caller.ts', import.meta.url));
  caller.send(order);
  const [{ answers, unsent }] = (await once(caller, 'message')) as [CallReport];
  const accepted = answers['200'] ?? [];
  const refused = Object.entries(answers).flatMap(([status, took]) => (status === '200' ? [] : took));
  return {
    offered: Math.round(perSecond),
    accepted: Math.round(accepted.length / seconds),
    refused: Math.round(refused.length / seconds),
    unsent: Math.round(unsent / seconds),
    p50: Math.round(percentile(accepted, 0.5)),
    p99: Math.round(percentile(accepted, 0.99)),
    refusedP99: Math.round(percentile(refused, 0.99)),
  };
}

function report(peak: number, shares: (Figures & { share: number })[]): object {
  console.log(`\npeak ${peak} checks a second; ${SECONDS} s each, after ${WARM_UP_SECONDS} s of the same\n`);
  console.log('offered/s  accepted/s  of peak  refused/s  unsent/s  p50 ms  p99 ms  refused p99 ms');
  for (const { offered, accepted, refused, unsent, p50, p99, refusedP99 } of shares) {
    const columns = [
      ...[String(offered).padStart(9), String(accepted).padStart(12)],
      ...[`${Math.round((accepted / peak) * 100)} %`.padStart(9), String(refused).padStart(11)],
      ...[String(unsent).padStart(10), String(p50).padStart(8), String(p99).padStart(8)],
      String(refusedP99).padStart(16),
    ];
    console.log(columns.join(''));
  }
  return { peak, shares };
}
