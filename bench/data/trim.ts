import { randomUUIDv7 } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Bus, openBus } from '@errand/bus';
import { DEFAULT_TOPOLOGY, type JobFact, type JobRef, toJobEvent } from '@errand/contracts';
import { REQUEST } from '@errand/domain/testing';
import { startTestCluster, startTestNats } from '@errand/testkit';
import { percentile, round } from '../harness/percentile.ts';

const JOBS_PER_S = 300;
const TICK_MS = 10;
const PHASE_S = 60;
/** What is older than so much of a phase leaves, */
const KEPT = 1 / 3;
/** so often in a phase. */
const TRIMS = 12;
const ROUNDS = 2;

const FACTS: readonly JobFact[] = [
  { type: 'JobRequested', data: REQUEST },
  { type: 'JobStarted', data: { attempt: 1, executor_id: 'bench' } },
  { type: 'JobSucceeded', data: { attempt: 1, result: { text: 'x'.repeat(200) }, duration_ms: 1 } },
];

/**
 * What appends take at a steady rate while events leave the log, against the same without: on one server, and on three with
 * three copies. Phases take turns; `--phase-s` says how long each is, in seconds.
 */
export async function benchTrim(args: readonly string[]): Promise<object> {
  const { values } = parseArgs({ args: [...args], options: { 'phase-s': { type: 'string' } } });
  const phaseMs = Number(values['phase-s'] ?? PHASE_S) * 1_000;
  console.log(
    `\n${JOBS_PER_S} jobs a second of three appends each, phases of ${phaseMs / 1_000} s in turns:\n`,
  );
  console.log('             p50     p99    max ms   trimmed   of not trimmed: p50    p99');
  return { one_server: await measure(1, phaseMs), three_servers: await measure(3, phaseMs) };
}

async function measure(replicas: 1 | 3, phaseMs: number): Promise<object> {
  await using servers = replicas === 3 ? await startTestCluster() : await startTestNats();
  const urls = 'urls' in servers ? servers.urls.join() : servers.url;
  await using bus = await openBus({
    servers: urls,
    name: 'bench',
    topology: { ...DEFAULT_TOPOLOGY, replicas },
  });
  const plain: number[] = [];
  const trimming: number[] = [];
  let trimmed = 0;
  // The first phase fills the log with what the next ones let go.
  await write(bus, [], phaseMs);
  for (let each = 0; each < ROUNDS; each++) {
    await write(bus, plain, phaseMs);
    const before = (await bus.jobs.readWindow()).firstVersion;
    const stop = new AbortController();
    const trims = keepTrimming(bus, phaseMs, stop.signal);
    await write(bus, trimming, phaseMs);
    stop.abort();
    await trims;
    trimmed += (await bus.jobs.readWindow()).firstVersion - before;
  }
  const figures = (all: number[]) => ({
    p50: round(percentile(all, 0.5), 2),
    p99: round(percentile(all, 0.99), 2),
    max: round(percentile(all, 1), 1),
  });
  const [without, within] = [figures(plain), figures(trimming)];
  const ratios = { p50: round(within.p50 / without.p50, 2), p99: round(within.p99 / without.p99, 2) };
  const line = (name: string, { p50, p99, max }: typeof without, rest = '') =>
    console.log(
      name.padEnd(11) +
        p50.toFixed(2).padStart(5) +
        p99.toFixed(2).padStart(8) +
        max.toFixed(1).padStart(10) +
        rest,
    );
  line(`${replicas}, plain`, without);
  const of = `${String(trimmed).padStart(10)}${ratios.p50.toFixed(2).padStart(22)}${ratios.p99.toFixed(2).padStart(7)}`;
  line(`${replicas}, trims`, within, of);
  return { without, within, ratios, trimmed };
}

/** Runs jobs for a phase, and keeps what each append took, in milliseconds. */
async function write(bus: Bus, taken: number[], phaseMs: number): Promise<void> {
  const begunMs = performance.now();
  const running = new Set<Promise<void>>();
  for (let asked = 0; performance.now() - begunMs < phaseMs; await pause(TICK_MS)) {
    const wanted = ((performance.now() - begunMs) / 1_000) * JOBS_PER_S;
    for (; asked < wanted; asked++) {
      const job = writeJob(bus, taken).finally(() => running.delete(job));
      running.add(job);
    }
  }
  await Promise.all(running);
}

async function writeJob(bus: Bus, taken: number[]): Promise<void> {
  const ref: JobRef = { tenantId: 'bench', action: 'add', jobId: randomUUIDv7() };
  let expectedVersion = 0;
  for (const fact of FACTS) {
    const about = {
      id: randomUUIDv7(),
      jobId: ref.jobId,
      source: '/errand/bench',
      timeMs: Date.now(),
    } as const;
    const begunMs = performance.now();
    const outcome = await bus.jobs.append({ ref, event: toJobEvent(fact, about), expectedVersion });
    taken.push(performance.now() - begunMs);
    if (outcome.kind !== 'appended') throw new Error('nobody else writes here');
    expectedVersion = outcome.version;
  }
}

async function keepTrimming(bus: Bus, phaseMs: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const { nowMs, lastVersion } = await bus.jobs.readWindow();
    const beforeMs = nowMs - phaseMs * KEPT;
    await bus.jobs.trim({ beforeMs, neededFrom: { version: lastVersion, storedMs: nowMs } });
    await pause(phaseMs / TRIMS, undefined, { signal }).catch(() => {});
  }
}
