import { randomUUIDv7 } from 'node:crypto';
import { openBus } from '@errand/bus';
import { DEFAULT_TOPOLOGY, type JobRef, toJobEvent } from '@errand/contracts';
import { Pool } from 'undici';
import { post } from '../contenders/contender.ts';
import { startErrand } from '../contenders/errand.ts';
import { percentile, round } from '../harness/percentile.ts';

const WAITS = 100_000;
const WAITS_AT_ONCE = 500;
const RUNS = 200;
const WARM_UPS = 50;
const HOUR_MS = 3_600_000;

/**
 * What 100,000 waits, as left by retries and delayed starts, cost other jobs: a job that does nothing is run and waited
 * for, one at a time, before the waits are set and while they are pending.
 */
export async function benchWaits(): Promise<object> {
  await using resources = new AsyncDisposableStack();
  const { system, runAndWait } = resources.use(await startErrand());
  const pool = new Pool(system.url, { connections: 1 });
  resources.defer(() => pool.close());
  const run = () => post(pool, runAndWait);
  for (let warmUp = 0; warmUp < WARM_UPS; warmUp++) await run();

  const before = await measure(run);
  const settingMs = await setWaits(system.nats.url);
  const beside = await measure(run);
  const ratio = round(beside.p50_ms / before.p50_ms, 2);
  console.log(`\n${RUNS} jobs one at a time; ${WAITS} waits were set in ${round(settingMs / 1_000, 1)} s\n`);
  console.log('                   p50 ms    p99 ms');
  for (const [label, { p50_ms, p99_ms }] of [
    ['no waits', before],
    [`${WAITS} waits`, beside],
  ] as const) {
    console.log(`${label.padEnd(16)}${String(p50_ms).padStart(9)}${String(p99_ms).padStart(10)}`);
  }
  console.log(`\nratio of p50: ${ratio}\n`);
  return { waits: WAITS, before, beside, ratio_p50: ratio };
}

async function measure(run: () => Promise<unknown>): Promise<{ p50_ms: number; p99_ms: number }> {
  const took: number[] = [];
  for (let each = 0; each < RUNS; each++) {
    const begunMs = performance.now();
    await run();
    took.push(performance.now() - begunMs);
  }
  return { p50_ms: round(percentile(took, 0.5), 2), p99_ms: round(percentile(took, 0.99), 2) };
}

function waitingRequest({ tenantId, action, jobId }: JobRef) {
  const at = (ms: number) => new Date(Date.now() + ms).toISOString();
  const data = {
    tenant_id: tenantId,
    action,
    action_version: '1',
    contract_id: 'none',
    resource: {},
    input: {},
    metadata: {},
    source: 'api' as const,
    requested_by: 'bench',
    start_after: at(HOUR_MS),
    finish_by: at(2 * HOUR_MS),
  };
  const about = { id: randomUUIDv7(), jobId, source: '/errand/bench', timeMs: Date.now() } as const;
  return toJobEvent({ type: 'JobRequested', data }, about);
}

async function setWaits(servers: string): Promise<number> {
  const topology = DEFAULT_TOPOLOGY;
  await using bus = await openBus({ servers, name: 'bench', topology });
  const begunMs = performance.now();
  let left = WAITS;
  const set = async () => {
    while (left-- > 0) {
      const ref = { tenantId: 'bench', action: 'noop', jobId: randomUUIDv7() };
      await bus.jobs.append({ ref, event: waitingRequest(ref), expectedVersion: 0 });
    }
  };
  await Promise.all(Array.from({ length: WAITS_AT_ONCE }, set));
  return performance.now() - begunMs;
}
