import { setTimeout as sleep } from 'node:timers/promises';
import { openBus } from '@errand/bus';
import { DEFAULT_TOPOLOGY, PROJECTION_READER, VerifyReport } from '@errand/contracts';
import { openDatabase, readLogPosition } from '@errand/postgres';
import { verifyLog, waitUntil } from '@errand/testkit';
import { checkAudit } from 'errand';
import { type BenchSystem, startBenchSystem } from '../harness/bench-system.ts';
import { fillLog } from '../harness/fill-log.ts';
import { round } from '../harness/percentile.ts';
import { residentMb } from '../harness/process-usage.ts';

const EVENTS = Number(process.env.ERRAND_BENCH_EVENTS || 1_000_000);
const PATIENCE_MS = 900_000;
const LOOK_MS = 250;
/** A reader that reads this much per second, for this many seconds. */
const SLOW_BYTES_PER_S = 1_000_000;
const SLOW_S = 20;

/**
 * The time of `errand verify` and `errand audit export` for a million events, and how the services' memory grows by it.
 */
export async function benchAudit(): Promise<object> {
  await using system = await startBenchSystem([{ name: 'gateway' }, { name: 'projection' }]);
  await using bus = await openBus({ servers: system.nats.url, name: 'bench', topology: DEFAULT_TOPOLOGY });
  await fillLog(bus, { jobs: Math.ceil(EVENTS / 4), events: 4 });
  const db = openDatabase({ url: system.databaseUrl, name: 'bench', poolSize: 1 });
  const { lastVersion } = await bus.jobs.reach();
  const begunMs = performance.now();
  const isProjected = async () => (await readLogPosition(db, PROJECTION_READER.name)) === lastVersion;
  await waitUntil(isProjected, { timeoutMs: PATIENCE_MS });
  await db.destroy();
  console.log(`projected within ${round((performance.now() - begunMs) / 1_000, 0)} s of the last append`);

  const verified = await watch(system, 'projection', () => verify(system));
  const slowly = await watch(system, 'gateway', () => readSlowly(system));
  const exported = await watch(system, 'gateway', () => exportAll(system));
  const again = await watch(system, 'gateway', () => exportAll(system));
  const rows = [
    { what: 'verify', ...verified },
    { what: `export, ${SLOW_BYTES_PER_S / 1e6} MB/s`, ...slowly },
    { what: 'export', ...exported },
    { what: 'export again', ...again },
  ];
  console.log(`\n${EVENTS} events of ${EVENTS / 4} jobs\n`);
  console.log('                        seconds    events/s   memory before   at most, MB');
  for (const { what, seconds, events, beforeMb, mostMb } of rows) {
    console.log(
      `${what.padEnd(20)}${seconds.toFixed(1).padStart(11)}${String(Math.round(events / seconds)).padStart(12)}` +
        `${beforeMb.toFixed(0).padStart(16)}${mostMb.toFixed(0).padStart(14)}`,
    );
  }
  return { events: EVENTS, rows };
}

/** Runs a call and measures a service's memory meanwhile. */
async function watch(system: BenchSystem, service: string, call: () => Promise<number>) {
  const pid = system.pids[service] as number;
  const { now: beforeMb } = await residentMb(pid);
  let mostMb = beforeMb;
  const looking = setInterval(async () => {
    mostMb = Math.max(mostMb, (await residentMb(pid)).now);
  }, LOOK_MS);
  const begunMs = performance.now();
  const events = await call();
  clearInterval(looking);
  const seconds = round((performance.now() - begunMs) / 1_000, 1);
  return { seconds, events, beforeMb: round(beforeMb, 0), mostMb: round(mostMb, 0) };
}

function ask(system: BenchSystem, path: string): Promise<Response> {
  return fetch(system.url + path, { headers: { authorization: `Bearer ${system.adminKey}` } });
}

async function verify(system: BenchSystem): Promise<number> {
  const report = VerifyReport.parse(await verifyLog(system));
  if (report.findings.length > 0) throw new Error(`findings: ${JSON.stringify(report.findings)}`);
  console.log(JSON.stringify(report));
  return report.checked.events;
}

async function exportAll(system: BenchSystem): Promise<number> {
  const check = await checkAudit(linesOf(await ask(system, '/admin/audit')));
  if (check.kind !== 'holds' || !check.isContiguous) throw new Error(`the export: ${JSON.stringify(check)}`);
  return check.count;
}

async function* linesOf(response: Response): AsyncGenerator<string, void, undefined> {
  let rest = '';
  for await (const text of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}

/** Reads a little now and then, and leaves before the end. */
async function readSlowly(system: BenchSystem): Promise<number> {
  const reader = (await ask(system, '/admin/audit')).body?.getReader();
  const untilMs = performance.now() + SLOW_S * 1_000;
  let lines = 0;
  while (performance.now() < untilMs) {
    const read = await reader?.read();
    if (!read || read.done) break;
    for (const byte of read.value) if (byte === 10) lines++;
    await sleep((read.value.length / SLOW_BYTES_PER_S) * 1_000);
  }
  await reader?.cancel();
  return lines;
}
