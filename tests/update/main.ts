/*
 * `npm run test:update` starts the system as it was at an earlier commit, queues jobs, and replaces its processes one by
 * one with those of today while the jobs run, wait for a time and wait for their turn. All have to end, each once. Then it
 * queues more, does without turns, and all have to end again.
 *
 *   --from=<commit>   what is replaced; default: the release before
 *   --jobs=<n>        how many jobs; default 10000
 *
 * Its last line is one line of JSON; the exit code is 0 if every promise was kept.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { openBus } from '@errand/bus';
import { DEFAULT_TOPOLOGY, isEndingType } from '@errand/contracts';
import { freePort } from '@errand/local-servers';
import { startTestNats, startTestPostgres, verifyLog, waitUntil } from '@errand/testkit';
import { type ServiceProcess, startService } from '../../dev/process/service-process.ts';
import { SERVICES, type ServiceName, serviceEnv } from '../../dev/services.ts';
import { readWholeLog } from '../e2e/read-log.ts';
import { checkOutOld, writeAction } from './old-sources.ts';

const RELEASE_BEFORE = '294574ab';
const ROOT = join(import.meta.dirname, '..', '..');
/** Projection and webhooks come before the scheduler, executors last. */
const ORDER: readonly ServiceName[] = ['projection', 'webhooks', 'gateway', 'scheduler', 'executor'];
const TENANTS = 10;
const BATCH = 1_000;
const JOB_MS = 150;
const LIMIT_MS = 600_000;

const { values } = parseArgs({ options: { from: { type: 'string' }, jobs: { type: 'string' } } });
const jobs = Number(values.jobs ?? 10_000);

async function main(): Promise<number> {
  await using resources = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), 'errand-update-'));
  resources.defer(() => rm(dir, { recursive: true, force: true }));
  const runsFile = join(dir, 'runs');
  await writeFile(runsFile, '');
  const old = resources.use(await checkOutOld(values.from ?? RELEASE_BEFORE));
  const actions = { old: await writeAction(old.folder), today: await writeAction(ROOT) };
  resources.defer(() => rm(dirname(actions.today), { recursive: true, force: true }));
  const nats = resources.use(await startTestNats());
  const postgres = resources.use(await startTestPostgres());
  const adminKey = randomBytes(24).toString('base64url');
  const secretKey = randomBytes(32).toString('base64');
  const ports = Object.fromEntries(
    await Promise.all(SERVICES.map(async (name) => [name, await freePort()] as const)),
  ) as Record<ServiceName, number>;
  const url = `http://127.0.0.1:${ports.gateway}`;
  const running = new Map<ServiceName, ServiceProcess>();
  resources.defer(async () => {
    await Promise.all([...running.values()].map((process) => process.stop()));
  });

  async function start(name: ServiceName, version: keyof typeof actions, more = {}): Promise<void> {
    const facts = { natsUrl: nats.url, postgresUrl: postgres.url, adminKey, secretKey, ports };
    const sources = version === 'old' ? old.folder : ROOT;
    const env = {
      PATH: process.env.PATH,
      ...serviceEnv(name, facts),
      ERRAND_LOG_LEVEL: 'warn',
      ERRAND_ACTIONS: actions[version],
      ERRAND_TEST_RUNS: runsFile,
      ...more,
    };
    const mainFile = join(sources, 'services', name, 'src', 'main.ts');
    const logFile = join(dir, `${name}.log`);
    running.set(name, await startService({ mainFile, env, logFile }));
  }
  const isReady = (name: ServiceName) => async () =>
    (await fetch(`http://127.0.0.1:${ports[name]}/readyz`)).ok;
  async function replace(name: ServiceName, more = {}): Promise<void> {
    await running.get(name)?.stop();
    await start(name, 'today', more);
    await waitUntil(isReady(name), { timeoutMs: 60_000 });
  }
  const admin = (method: string, path: string, body?: object) =>
    fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
  /** Half of a tenant's jobs may begin at once, half wait for a time. */
  async function queue(count: number): Promise<string[]> {
    const ids: string[] = [];
    for (let sent = 0; sent < count; sent += BATCH) {
      const startAfter = new Date(Date.now() + 20_000).toISOString();
      const items = Array.from({ length: Math.min(BATCH, count - sent) }, (_, place) =>
        place % 2 === 0 ? { ms: JOB_MS } : { ms: JOB_MS, _job: { start_after: startAfter } },
      );
      const path = `/v2/tenants/tenant-${(sent / BATCH) % TENANTS}/hold/run-batch`;
      const answer = await admin('POST', path, { items });
      if (answer.status !== 202) throw new Error(`a batch was answered ${answer.status}`);
      const { items: accepted } = (await answer.json()) as { items: { job_id: string }[] };
      ids.push(...accepted.map(({ job_id }) => job_id));
    }
    return ids;
  }
  const bus = resources.use(
    await openBus({ servers: nats.url, name: 'update', topology: DEFAULT_TOPOLOGY, keepsExisting: true }),
  );
  async function endings(): Promise<Map<string, string[]>> {
    const found = new Map<string, string[]>();
    for (const { ref, event } of await readWholeLog(bus)) {
      if (isEndingType(event.type)) found.set(ref.jobId, [...(found.get(ref.jobId) ?? []), event.type]);
    }
    return found;
  }
  async function untilEnded(ids: readonly string[]): Promise<Map<string, string[]>> {
    return waitUntil(
      async () => {
        const found = await endings();
        return ids.every((id) => found.has(id)) ? found : undefined;
      },
      { timeoutMs: LIMIT_MS, intervalMs: 2_000 },
    );
  }

  for (const name of ORDER) await start(name, 'old');
  for (const name of ORDER) await waitUntil(isReady(name), { timeoutMs: 60_000 });
  for (let each = 0; each < TENANTS; each++) await admin('PUT', `/admin/tenants/tenant-${each}`);
  const isServed = async () => (await admin('GET', '/v2/tenants/tenant-0/actions/hold')).ok;
  await waitUntil(isServed, { timeoutMs: 30_000 });
  const first = await queue(jobs);
  console.log(`${first.length} jobs are queued or wait; the processes are replaced`);
  for (const name of ORDER) {
    await replace(name);
    console.log(`${name} is of today; ${(await endings()).size} jobs have ended`);
  }
  await untilEnded(first);
  console.log('all have ended; more jobs are queued, and the turns are switched off');
  const second = await queue(Math.ceil(jobs / 5));
  const stillHeld = second.length - [...(await endings()).keys()].filter((id) => second.includes(id)).length;
  for (const name of ['gateway', 'scheduler'] as const) await replace(name, { ERRAND_TURNS: 'false' });
  const ended = await untilEnded([...first, ...second]);

  const runs = (await readFile(runsFile, 'utf8')).trimEnd().split('\n');
  const verified = (await verifyLog({ url, adminKey })) as { findings: object[] };
  const all = [...first, ...second];
  const result = {
    jobs: all.length,
    open_when_turns_went_off: stillHeld,
    ended: all.filter((id) => ended.has(id)).length,
    ended_twice: all.filter((id) => (ended.get(id)?.length ?? 0) > 1).length,
    not_succeeded: all.filter((id) => ended.get(id)?.[0] !== 'JobSucceeded').length,
    ran_twice: runs.length - new Set(runs).size,
    findings: verified.findings,
  };
  console.log(JSON.stringify(result));
  const { ended_twice, not_succeeded, ran_twice, findings } = result;
  return ended_twice + not_succeeded + ran_twice + findings.length === 0 ? 0 : 1;
}

process.exitCode = await main();
// Open handles must not keep the process alive.
process.exit();
