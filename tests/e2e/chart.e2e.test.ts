import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { NATS_ROLES } from '@errand/contracts';
import { freePort } from '@errand/local-servers';
import { openDatabase } from '@errand/postgres';
import { createTestDatabase, createTestRoles, natsUrlOf, startTestNats, waitUntil } from '@errand/testkit';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { exampleFile, hasHelm, type Resource, renderFiles } from '../../deploy/test/helm.ts';
import { EXAMPLE_PLACES } from '../../dev/repository.ts';
import { readBlocks } from './page-blocks.ts';

/* What the chart tells its pods, told to processes. It needs Helm, which `npm run test:chart` installs. */

if (!hasHelm)
  console.log('SKIPPED: what the chart tells its pods needs Helm (npm run test:chart installs it)');

const ROOT = join(import.meta.dirname, '..', '..');
const READY_MS = 60_000;

type Secrets = Record<string, Record<string, string>>;

interface Pod {
  readonly name: string;
  /** The name of its container. */
  readonly service: string;
  readonly env: Record<string, string>;
}

interface EnvVar {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly secretKeyRef: { readonly name: string; readonly key: string } };
}

/** The pods of Deployments and Jobs with their environment, as Kubernetes would make it. */
function podsOf(resources: readonly Resource[], secrets: Secrets): Pod[] {
  return resources
    .filter(({ kind }) => ['Deployment', 'Job'].includes(kind))
    .map(({ metadata: { name }, spec }) => {
      type Spec = { template: { spec: { containers: { name: string; env?: EnvVar[] }[] } } };
      const [container] = (spec as unknown as Spec).template.spec.containers;
      const map = resources.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === name);
      const env = { ...map?.data };
      for (const { name: variable, value, valueFrom } of container?.env ?? []) {
        const { name: secret = '', key = '' } = valueFrom?.secretKeyRef ?? {};
        const text = value ?? secrets[secret]?.[key];
        if (text === undefined) throw new Error(`${name}: ${secret} has no ${key}`);
        env[variable] = text;
      }
      return { name, service: container?.name ?? '', env };
    });
}

/** A process of a service, on ports of its own. */
async function start({ service, env }: Pod) {
  const port = String(await freePort());
  const own = { ERRAND_HOST: '127.0.0.1', ERRAND_OPS_PORT: port, ERRAND_PORT: String(await freePort()) };
  const child: ChildProcess = spawn(process.execPath, [join(ROOT, 'services', service, 'src', 'main.ts')], {
    env: { PATH: process.env.PATH, ...env, ...own },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => said.push(String(chunk)));
  return {
    service,
    readyUrl: `http://127.0.0.1:${port}/readyz`,
    said: () => said.join(''),
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}

test.skipIf(!hasHelm)(
  'with the values of its page the chart provisions, and each service starts as a user and a role of its own',
  async () => {
    await using resources = new AsyncDisposableStack();
    const nats = resources.use(await startTestNats());
    const database = resources.use(await createTestDatabase());
    const admin = openDatabase({ url: database.url, name: 'test', poolSize: 1 });
    resources.defer(() => admin.destroy());
    const roles = resources.use(await createTestRoles(database.url));
    const secrets: Secrets = {
      'errand-nats': Object.fromEntries(NATS_ROLES.map((role) => [role, natsUrlOf(nats.url, role)])),
      'errand-database': {
        owner: database.url,
        gateway: roles.urlOf('gateway'),
        projection: roles.urlOf('projection'),
        webhooks: roles.urlOf('webhooks'),
      },
      'errand-keys': {
        'admin-key': randomBytes(24).toString('base64url'),
        'secret-key': randomBytes(32).toString('base64'),
      },
    };

    const blocks = await readBlocks('kubernetes.md', (text) => text);
    const values = blocks.find(({ info, text }) => info === 'yaml values' && text.includes('provision:'));
    const folder = resources.use(await mkdtempDisposable(join(tmpdir(), 'errand-values-')));
    const file = join(folder.path, 'values.yaml');
    await writeFile(file, values?.text ?? '');
    const executor = { name: 'examples', image: 'a/b:1', resources: { requests: {}, limits: {} } };
    const rendered = await renderFiles(
      [exampleFile('minimal'), file],
      [
        'settings.ERRAND_REPLICAS=1',
        `provision.roles=${JSON.stringify(roles.names)}`,
        `executors=${JSON.stringify([{ ...executor, actions: EXAMPLE_PLACES }])}`,
      ],
    );

    const pods = podsOf(rendered, secrets);
    const job = pods.find(({ service }) => service === 'provision');
    const provisioning = await promisify(execFile)(process.execPath, [join(ROOT, 'dev', 'provision.ts')], {
      env: { PATH: process.env.PATH, ...job?.env },
    });
    expect(provisioning.stdout).toMatch(/^NATS has all streams.*\nPostgres has all tables/);

    const services = [];
    for (const pod of pods.filter((each) => each !== job)) services.push(resources.use(await start(pod)));
    expect(pods.map(({ service, env }) => [service, env.NATS_URL]).toSorted()).toEqual(
      NATS_ROLES.map((role) => [role, natsUrlOf(nats.url, role)]).toSorted(),
    );
    for (const { service, readyUrl, said } of services) {
      await waitUntil(async () => (await fetch(readyUrl)).ok, { timeoutMs: READY_MS }).catch((error) => {
        throw new Error(`${service} is not ready; it said:\n${said()}`, { cause: error });
      });
      expect([service, said()]).toEqual([service, expect.not.stringContaining('Permissions Violation')]);
    }
    const sessions = await sql<{ usename: string }>`
      select distinct usename from pg_stat_activity
      where datname = current_database() and usename is not null and pid <> pg_backend_pid() order by usename
    `.execute(admin);
    // A gateway that is asked nothing may have no session yet.
    const names = sessions.rows.map(({ usename }) => usename).filter((name) => name !== roles.names.gateway);
    expect(names).toEqual([roles.names.projection, roles.names.webhooks]);
  },
);
