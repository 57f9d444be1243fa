import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Bus, openBus } from '@errand/bus';
import { connectionOf } from '@errand/bus/testing';
import { AUDIT_STREAM, DEFAULT_TOPOLOGY, JOBS_STREAM } from '@errand/contracts';
import { type RunningNats, startNatsServer, startRestartable } from '@errand/local-servers';
import { waitUntil } from '@errand/testkit';
import { fillLog } from '../harness/fill-log.ts';
import { round } from '../harness/percentile.ts';
import { residentMb } from '../harness/process-usage.ts';

const JOBS = Number(process.env.ERRAND_BENCH_JOBS || 200_000);
const EVENTS_EACH = 3;
const MB = 1_048_576;
const PATIENCE_MS = 120_000;

/**
 * The cost of a million jobs of three events each for nats-server: memory and disk of JOBS, with its subject for each
 * event, and of AUDIT; and how long the server takes to come back after a kill -9. Filled with ERRAND_BENCH_JOBS jobs
 * and scaled.
 */
export async function benchSizing(): Promise<object> {
  await using resources = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), 'errand-sizing-'));
  resources.defer(() => rm(dir, { recursive: true, force: true }));
  const nats = await startRestartable<RunningNats>((first) =>
    startNatsServer({
      storeDir: join(dir, 'nats'),
      logFile: join(dir, 'nats.log'),
      port: first?.port,
      monitorPort: first?.monitorPort,
    }),
  );
  resources.defer(() => nats.stop());
  const open = () => openBus({ servers: nats.url, name: 'bench', topology: DEFAULT_TOPOLOGY });
  let bus = await open();
  const emptyMb = (await residentMb(nats.pid)).now;
  const eventsPerS = await fillLog(bus, { jobs: JOBS, events: EVENTS_EACH });
  await waitUntil(async () => (await bus.audit.version()) === JOBS * EVENTS_EACH, { timeoutMs: PATIENCE_MS });
  const loaded = await residentMb(nats.pid);
  const disk = { jobs: await diskMb(dir, JOBS_STREAM), audit: await diskMb(dir, AUDIT_STREAM) };
  await bus[Symbol.asyncDispose]();

  const killedMs = performance.now();
  nats.kill('SIGKILL');
  await nats.exited;
  await nats.restart();
  const recoveredS = (performance.now() - killedMs) / 1_000;
  bus = await open();
  const restedMb = (await residentMb(nats.pid)).now;
  const auditMb = (await restWithoutJobs(bus, nats)) - emptyMb;
  await bus[Symbol.asyncDispose]();
  return report({
    eventsPerS,
    recoveredS,
    memory: { loaded: loaded.now, peak: loaded.peak, rested: restedMb, empty: emptyMb, audit: auditMb },
    disk,
  });
}

/** Memory of the server with AUDIT alone, after an orderly restart. */
async function restWithoutJobs(bus: Bus, nats: RunningNats & { restart(): Promise<void> }): Promise<number> {
  await connectionOf(bus).request(`$JS.API.STREAM.DELETE.${JOBS_STREAM}`, '', { timeout: PATIENCE_MS });
  await nats.restart();
  return (await residentMb(nats.pid)).now;
}

async function diskMb(dir: string, stream: string): Promise<number> {
  const files = await readdir(dir, { recursive: true, withFileTypes: true });
  const sizes = files
    .filter((file) => file.isFile() && `${file.parentPath}/`.includes(`/streams/${stream}/`))
    .map(async (file) => (await stat(join(file.parentPath, file.name)).catch(() => ({ size: 0 }))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0) / MB;
}

function report(measured: {
  eventsPerS: number;
  recoveredS: number;
  memory: Record<'loaded' | 'peak' | 'rested' | 'empty' | 'audit', number>;
  disk: { jobs: number; audit: number };
}): object {
  const { eventsPerS, recoveredS, memory, disk } = measured;
  const perMillion = (mb: number) => round((mb * 1_000_000) / JOBS, 0);
  const jobsMb = memory.rested - memory.empty - memory.audit;
  console.log(
    `\n${JOBS} jobs of ${EVENTS_EACH} events, ${round(eventsPerS, 0)} events/s; scaled to a million jobs:\n`,
  );
  console.log('                                   JOBS    AUDIT');
  const line = (what: string, jobs: number, audit: number) =>
    console.log(`${what.padEnd(28)}${String(jobs).padStart(11)}${String(audit).padStart(9)}`);
  line('memory after a restart, MB', perMillion(jobsMb), perMillion(memory.audit));
  line('disk, MB', perMillion(disk.jobs), perMillion(disk.audit));
  console.log(
    `\nmemory of the server: ${round(memory.empty, 0)} MB empty, ${round(memory.loaded, 0)} MB after the load`,
  );
  console.log(
    `(at most ${round(memory.peak, 0)}), ${round(memory.rested, 0)} MB after the kill -9; back in ${round(recoveredS, 1)} s\n`,
  );
  return {
    jobs: JOBS,
    events_each: EVENTS_EACH,
    events_per_s: round(eventsPerS, 0),
    recovery_s: round(recoveredS, 2),
    server_mb: {
      empty: round(memory.empty, 0),
      loaded: round(memory.loaded, 0),
      peak: round(memory.peak, 0),
      after_kill: round(memory.rested, 0),
    },
    per_million_jobs: {
      jobs_memory_mb: perMillion(jobsMb),
      audit_memory_mb: perMillion(memory.audit),
      jobs_disk_mb: perMillion(disk.jobs),
      audit_disk_mb: perMillion(disk.audit),
    },
  };
}
