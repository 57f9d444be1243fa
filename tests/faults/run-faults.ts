import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Bus, openBus } from '@errand/bus';
import { type Db, openDatabase } from '@errand/postgres';
import { type Chaos, startChaos } from './chaos.ts';
import { type Client, createClient } from './client.ts';
import { distant } from './distant-action.ts';
import { runErrandChecks } from './errand-checks.ts';
import { countRows, readSummaries, readWhenQuiet, untilAudited } from './evidence.ts';
import * as faultActions from './fault-actions.ts';
import { type FaultReport, reportOf } from './fault-report.ts';
import { type FaultServers, startFaultServers, topologyOf } from './fault-servers.ts';
import { type Fleet, startFleet } from './fleet.ts';
import type { FaultForm } from './forms.ts';
import { type Ledger, startLoad } from './load.ts';
import { findNatsRefusals } from './nats-refusals.ts';
import { planJobs } from './plan-jobs.ts';
import { checkPromises } from './promise-check.ts';
import { createRandom } from './random.ts';
import { checkTicks, makeSchedules, pauseSchedules } from './scheduled.ts';
import { type StatusReading, startStatusReader } from './status-reader.ts';
import { keepStranded } from './stranded.ts';
import { checkLogs } from './told-lines.ts';
import { checkCalls, startVendor, type Vendor } from './vendor.ts';

export interface FaultRun {
  readonly form: FaultForm;
  /** The seed of all random choices. */
  readonly seed: number;
  readonly say: (line: string) => void;
}

const SAY_EVERY_MS = 5_000;
/** How much longer than planned the load may take, because of outages. */
const LATE_MS = 30_000;

interface Stage {
  readonly servers: FaultServers;
  readonly fleet: Fleet;
  readonly client: Client;
  readonly vendor: Vendor;
  readonly bus: Bus;
  readonly db: Db;
}

/**
 * Runs the whole system as processes, asks for jobs and cancels some while processes and servers die, lets it settle,
 * and checks what every caller was told against the log, the read model and the status calls. If a promise was broken,
 * the processes' output is kept in a folder that is printed.
 */
export async function runFaults({ form, seed, say }: FaultRun): Promise<FaultReport> {
  const dir = await mkdtemp(join(tmpdir(), 'errand-faults-'));
  await using resources = new AsyncDisposableStack();
  const stage = await setUp({ form, seed, dir }, resources);
  say(`${form.name}, seed ${seed}: ${form.jobs} jobs over ${form.spreadMs / 1_000} s; everything is ready`);
  const schedules = await makeSchedules(stage.client);
  const { ledger, chaos, reading } = await loadAndDisturb(stage, { form, seed, say });
  say('the load is over and nothing is disturbed any more');
  const calmAt = performance.now();
  await stage.fleet.ready();
  await stage.vendor.done();
  await pauseSchedules(stage.client, schedules);
  const { log, rows } = await readWhenQuiet(stage, {
    jobs: ledger.accepted.length,
    deadlineMs: form.settleMs,
  });
  const settledMs = Math.round(performance.now() - calmAt);
  say(
    `after ${settledMs} ms the log holds ${log.size} jobs; asking for the status of ${ledger.accepted.length}`,
  );
  await keepStranded(stage.bus, log, dir);
  const auditedMs = await untilAudited(stage.bus, form.settleMs);
  const summaries = await readSummaries(
    stage.client,
    ledger.accepted.map(({ jobId }) => jobId),
  );
  const maxAttempts = new Map(
    [...Object.values(faultActions), distant].map(({ contract: { name, max_attempts } }) => [
      name,
      max_attempts,
    ]),
  );
  const talked = ledger.accepted.filter(({ planned }) => planned.action === 'slow');
  const logs = await checkLogs(
    stage.client,
    talked.map(({ jobId }) => jobId),
  );
  const { ticks, violations: wrongTicks } = checkTicks(schedules, log);
  const violations = [
    ...wrongTicks,
    ...logs.violations,
    ...(auditedMs === undefined ? [{ kind: 'not_audited', detail: `in ${form.settleMs} ms` }] : []),
    ...checkCalls(stage.vendor, log),
    ...(await findNatsRefusals(dir, stage.fleet.members)),
    ...reading.violations,
    ...checkPromises({ ledger, log, rows, summaries, maxAttempts }),
    ...(await runErrandChecks({ ...stage.fleet, dir, say })),
  ];
  const report = await reportOf({
    form,
    seed,
    ledger,
    chaos,
    reading,
    members: stage.fleet.members,
    log,
    ticks,
    told: logs.entries,
    calls: stage.vendor.answers,
    violations,
    settledMs,
    auditedMs,
    dir,
  });
  if (violations.length === 0) resources.defer(() => rm(dir, { recursive: true, force: true }));
  else say(`what the processes said is kept in ${dir}`);
  return report;
}

async function setUp(
  { form, seed, dir }: { form: FaultForm; seed: number; dir: string },
  resources: AsyncDisposableStack,
): Promise<Stage> {
  const vendor = resources.use(await startVendor(createRandom(seed)));
  const servers = resources.use(await startFaultServers(form.natsServers));
  const fleet = resources.use(await startFleet({ ...servers, dir }));
  const client = resources.use(await createClient(fleet));
  const topology = topologyOf(servers.replicas);
  const bus = resources.use(await openBus({ servers: servers.natsUrl, name: 'faults', topology }));
  const db = openDatabase({ url: servers.databaseUrl, name: 'faults', poolSize: 2 });
  resources.defer(() => db.destroy());
  return { servers, fleet, client, vendor, bus, db };
}

async function loadAndDisturb(
  stage: Stage,
  { form, seed, say }: FaultRun,
): Promise<{ ledger: Ledger; chaos: Chaos; reading: StatusReading }> {
  const random = createRandom(seed);
  const tooLate = AbortSignal.timeout(form.spreadMs + LATE_MS);
  const load = startLoad(stage.client, planJobs(form, random, stage.vendor.url), tooLate);
  const { ledger } = load;
  const calm = new AbortController();
  const chaos = startChaos({
    ...stage,
    form,
    random,
    members: stage.fleet.members,
    progress: () => ledger.accepted.length / form.jobs,
    signal: calm.signal,
  });
  const reading = startStatusReader(stage.client, { ...ledger, random, signal: calm.signal });
  const beganMs = performance.now();
  const ticker = setInterval(async () => {
    const rows = await countRows(stage.db);
    const { sent, refused, broken } = ledger.runs;
    say(
      `${String(Math.round((performance.now() - beganMs) / 1_000)).padStart(4)} s: ` +
        `sent ${sent}, accepted ${ledger.accepted.length}, refused ${refused}, broken ${broken}; ` +
        `ended ${rows?.ended ?? '?'}, open ${rows?.open ?? '?'}; ` +
        `kills ${sum(chaos.kills)}, pauses ${sum(chaos.pauses)}, NATS kills ${chaos.natsKills}`,
    );
  }, SAY_EVERY_MS);
  try {
    await load.done;
  } finally {
    clearInterval(ticker);
    calm.abort();
    await chaos.done;
    await reading.done;
  }
  return { ledger, chaos, reading };
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
