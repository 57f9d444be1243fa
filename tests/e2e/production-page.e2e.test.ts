import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv, promisify } from 'node:util';
import { createErrand, type JobSummary } from '@errand/client';
import { FINDING_KINDS } from '@errand/contracts';
import { freePort } from '@errand/local-servers';
import { openDatabase } from '@errand/postgres';
import { type Receiver, startReceiver, startTestPostgres, waitUntil } from '@errand/testkit';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EXAMPLE_PLACES } from '../../dev/repository.ts';
import { type Member, startMember } from '../faults/member.ts';
import { SMALL_DESIGN } from './caller.ts';
import { type Block, READERS_PATH, ROOT, readBlocks } from './page-blocks.ts';
import { writeCertificate } from './production/certificates.ts';
import { startLoadBalancer } from './production/load-balancer.ts';
import { type NatsServers, startNatsServers } from './production/nats-servers.ts';

/*
 * The page on production as an operator follows it, on one machine: three NATS servers with TLS and a password, two
 * copies of each service, a load balancer. Its tests build on each other, as the page does.
 */

const COPIES = 2;
const PASSWORD = 'production-page-password';

/** The receiver of this test is on this machine. */
const LOCAL_WEBHOOKS = { ERRAND_WEBHOOKS_ALLOW_HTTP: 'true', ERRAND_WEBHOOKS_ALLOW_CIDRS: '127.0.0.0/8' };

interface Copy {
  readonly service: string;
  readonly copy: number;
  readonly member: Member;
}

const resources = new AsyncDisposableStack();
let folder: string;
let blocks: Block[];
let nats: NatsServers;
let url: string;
let databaseUrl: string;
const copies: Copy[] = [];
let receiver: Receiver;
let gatewayPorts: number[];
let postgresUrl: string;
/** What the page's shell has exported so far. */
let shellEnv: Record<string, string>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'errand-production-'));
  resources.defer(() => rm(folder, { recursive: true }));
  const files = await writeCertificate(folder);
  nats = resources.use(await startNatsServers({ folder, password: PASSWORD, files }));
  const postgres = resources.use(await startTestPostgres());
  postgresUrl = postgres.url;
  databaseUrl = (await recreateDatabase()).href;
  receiver = resources.use(await startReceiver());
  gatewayPorts = [await freePort(), await freePort()];
  url = resources.use(await startLoadBalancer(gatewayPorts)).url;
  blocks = await readBlocks('run-in-production.md', (text) => onThisMachine(text, files.certFile));
  for (const name of ['node_modules', 'services', 'libs', 'deploy']) {
    await symlink(join(ROOT, name), join(folder, name));
  }
  shellEnv = {
    PATH: READERS_PATH,
    HOME: folder,
    NATS_PASSWORD: PASSWORD,
    DATABASE_URL: databaseUrl,
  };
});
afterAll(() => resources.disposeAsync());

/** Replaces the hosts and files that the page names, which do not exist here. */
function onThisMachine(text: string, caFile: string): string {
  let own = text
    .replaceAll('https://errand.example.com', url)
    .replaceAll('/etc/errand/ca.pem', caFile)
    .replace('ERRAND_HOST=0.0.0.0', 'ERRAND_HOST=127.0.0.1');
  for (const [name, host] of nats.hosts) own = own.replaceAll(`${name}:4222`, host);
  return own;
}

/** An empty database, whatever was in it and whoever used it. */
async function recreateDatabase(): Promise<URL> {
  await using admin = openDatabase({ url: postgresUrl, name: 'e2e', poolSize: 1 });
  await sql`drop database if exists production with (force)`.execute(admin);
  await sql`create database production`.execute(admin);
  return Object.assign(new URL(postgresUrl), { pathname: '/production' });
}

/** Runs the commands of the block that has this text, and keeps what they export. */
async function runBlock(text: string): Promise<string> {
  const script = ['set -euo pipefail', blockWith(text).text, 'env -0 > exported'].join('\n');
  const options = { cwd: folder, env: shellEnv, maxBuffer: 64_000_000 };
  const { stdout } = await promisify(execFile)('bash', ['-c', script], options).catch((error) => {
    throw new Error(`${error.message}\n${error.stdout}`);
  });
  const exported = (await readFile(join(folder, 'exported'), 'utf8')).split('\0').filter(Boolean);
  shellEnv = Object.fromEntries(exported.map((line) => line.split(/=(.*)/s).slice(0, 2)));
  return stdout;
}

const blockWith = (text: string): Block => {
  const found = blocks.find((block) => block.text.includes(text));
  if (!found) throw new Error(`the page has no block with '${text}'`);
  return found;
};

async function startCopies(): Promise<void> {
  const lines = blockWith('errand.js serve gateway').text.trim().split('\n');
  for (const line of lines) {
    const files = [...line.matchAll(/ --env-file=(\S+)/g)].map(([, file = '']) => join(folder, file));
    const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')));
    const settings = parseEnv(texts.join('\n')) as Record<string, string>;
    // Instead of actions of the reader's own.
    settings.ERRAND_ACTIONS = EXAMPLE_PLACES.join(',');
    const [, service = ''] =
      /^node (?:--env-file=\S+ )+node_modules\/errand\/dist\/errand\.js serve (\w+)$/.exec(line) ?? [];
    for (let copy = 0; copy < COPIES; copy++) {
      const port = String(service === 'gateway' ? gatewayPorts[copy] : await freePort());
      const name = `${service}-${copy}`;
      const member = startMember({
        name,
        // What the command runs, from its source.
        mainFile: join(ROOT, 'services', service, 'src', 'main.ts'),
        env: {
          ...settings,
          ...LOCAL_WEBHOOKS,
          ...(service === 'gateway' ? { ERRAND_PORT: port } : { ERRAND_OPS_PORT: port }),
        },
        readyUrl: `http://127.0.0.1:${port}/readyz`,
        logFile: join(folder, `${name}.log`),
      });
      copies.push({ service, copy, member: resources.use(member) });
    }
  }
}

/** For each kind of fault, and for messages that cannot be read. */
const NOTHING_FOUND = Array(Object.keys(FINDING_KINDS).length + 1).fill(0);

/** Ids of the jobs whose ends the receiver has received. */
function told(): Set<string> {
  return new Set(receiver.requests.map(({ body }) => String(JSON.parse(body).data.job_id)));
}

/** As the page says: one copy of each service at a time, each ready again before the next ones are stopped. */
async function replaceCopies(services: readonly string[]): Promise<void> {
  const wanted = copies.filter(({ service }) => services.includes(service));
  for (const copy of Array(COPIES).keys()) {
    await Promise.all(wanted.filter((each) => each.copy === copy).map(replace));
  }
}

async function replace({ member }: Copy): Promise<void> {
  const { restarts } = member;
  member.terminate();
  await waitUntil(() => member.restarts > restarts, { timeoutMs: 40_000 });
  await member.ready();
}

/** Callers that run jobs, one each at a time, until told to stop. Resolves to the summaries of all jobs. */
function keepRunning(callers: number): { stop: () => Promise<JobSummary[]> } {
  const errand = createErrand({ url, tenant: 'acme', apiKey: shellEnv.ERRAND_API_KEY ?? '' });
  const ended: JobSummary[] = [];
  let isOver = false;
  const work = Array.from({ length: callers }, async () => {
    while (!isOver) {
      const job = await errand.run('performance_simulation', SMALL_DESIGN, {
        resource: { design_id: 'd-2' },
      });
      ended.push(await errand.wait(job));
    }
  });
  return {
    async stop() {
      isOver = true;
      await Promise.all(work);
      return ended;
    },
  };
}

test('the page leads to a job that succeeds, on three servers with TLS and two copies of each service', async () => {
  expect(blockWith('nats-server').text).toBe('nats-server --config deploy/nats/cluster.conf\n');
  await runBlock('cat > errand.env');
  await startCopies();
  await Promise.all(copies.map(({ member }) => member.ready()));
  expect(await runBlock('npx errand tenants put')).toMatch(/succeeded/);
});

test('callers and receivers notice neither that all copies are replaced nor that a server is lost and comes back empty', {
  timeout: 240_000,
}, async () => {
  const errand = createErrand({ url, tenant: 'acme', apiKey: shellEnv.ERRAND_API_KEY ?? '' });
  await errand.webhooks.create({ url: `${receiver.url}/told` });
  const running = keepRunning(2);
  await replaceCopies(['gateway', 'scheduler', 'executor', 'projection', 'webhooks']);
  await nats.lose('nats-2');
  await nats.start('nats-2');
  await nats.healthy();
  const jobs = await running.stop();
  const failed = jobs.filter(({ status }) => status !== 'succeeded');
  console.log('while copies were replaced and a server was lost', {
    jobs: jobs.length,
    failed: failed.length,
  });
  expect(failed).toEqual([]);
  expect(jobs.length).toBeGreaterThan(20);
  await waitUntil(() => jobs.every(({ job_id }) => told().has(job_id)), { timeoutMs: 60_000 });
});

test('its daily checks find nothing', async () => {
  const said = await runBlock('npx errand audit check');
  expect(findingsIn(said)).toEqual(NOTHING_FOUND);
});

test('a Postgres that is lost with its data is rebuilt, and the webhooks that it knew of are sent again', async () => {
  const before = told();
  receiver.requests.length = 0;
  await recreateDatabase();
  await replaceCopies(['projection', 'webhooks']);
  const said = await runBlock('npx errand projection rebuild');
  expect(said).toMatch(/ done: (\d+) found, \1 scheduled/);
  expect(findingsIn(said)).toEqual(NOTHING_FOUND);
  await waitUntil(() => [...before].every((id) => told().has(id)), { timeoutMs: 60_000 });
});

/** How often `verify` found each kind of fault. */
function findingsIn(said: string): number[] {
  return [...said.matchAll(/^ +(\d+) {2}\w/gm)].map(([, count]) => Number(count));
}
