import { randomBytes, randomUUIDv7 } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { provisionLog, provisionSettings } from '@errand/bootstrap';
import { type Bucket, type Bus, openBus } from '@errand/bus';
import { BUCKETS, WebhookEndpoint } from '@errand/contracts';
import {
  freePort,
  type Restartable,
  type RunningNats,
  type RunningServer,
  startNatsServer,
  startPostgresServer,
  startRestartable,
} from '@errand/local-servers';
import { type Db, migrate, openDatabase } from '@errand/postgres';
import { createSecretBox, parseConfig } from '@errand/runtime';
import { natsAccess, natsUrlOf } from '@errand/testkit';
import { sourceMainFile } from '../../dev/repository.ts';
import { serviceEnv } from '../../dev/services.ts';
import { topologyOf } from '../faults/fault-servers.ts';
import { type Member, startMember } from '../faults/member.ts';

/** The webhooks service, in one process or more, with its own servers, as the user of its role: the driver writes to the log. */
export interface WebhookSystem extends AsyncDisposable {
  readonly bus: Bus;
  readonly db: Db;
  readonly nats: Restartable<RunningNats>;
  readonly postgres: Restartable<RunningServer>;
  readonly members: readonly Member[];
  /** Registers endpoints; all are signed with SIGNING_SECRET. */
  addEndpoints(endpoints: readonly Pick<WebhookEndpoint, 'tenant_id' | 'url'>[]): Promise<WebhookEndpoint[]>;
  removeEndpoints(endpoints: readonly WebhookEndpoint[]): Promise<void>;
  /** The messages of all error lines that the processes have logged so far. */
  errors(): Promise<string[]>;
}

export const SIGNING_SECRET = `whsec_${randomBytes(32).toString('base64')}`;

/**
 * Starts everything and resolves when each process reports that it can do its work. `env` is added to the service's.
 */
export async function startWebhookSystem(options: {
  processes: number;
  /** Postgres syncs commits to disk. */
  durable: boolean;
  env?: Record<string, string>;
}): Promise<WebhookSystem> {
  await using resources = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), 'errand-webhooks-'));
  resources.defer(() => rm(dir, { recursive: true, force: true }));
  // Postgres, which refuses to run as root, is then another user.
  await chmod(dir, 0o711);
  const nats = await startRestartable<RunningNats>((first) =>
    startNatsServer({
      storeDir: join(dir, 'nats'),
      logFile: join(dir, 'nats.log'),
      port: first?.port,
      monitorPort: first?.monitorPort,
      more: natsAccess(),
    }),
  );
  resources.defer(() => nats.stop());
  const postgres = await startRestartable<RunningServer>((first) =>
    startPostgresServer({
      dataDir: join(dir, 'postgres'),
      logFile: join(dir, 'postgres.log'),
      port: first?.port,
      durable: options.durable,
    }),
  );
  resources.defer(() => postgres.stop());
  const bus = resources.use(await openBus({ servers: nats.url, name: 'driver', topology: topologyOf(1) }));
  const db = resources.adopt(openDatabase({ url: postgres.url, name: 'driver', poolSize: 2 }), (opened) =>
    opened.destroy(),
  );
  await migrate(db);
  await provisionLog(
    parseConfig(provisionSettings, { NATS_URL: natsUrlOf(nats.url, 'provision') }),
    () => {},
  );
  const endpoints = await bus.buckets.open(BUCKETS.webhookEndpoints, WebhookEndpoint);
  const secretKey = randomBytes(32).toString('base64');
  const seal = sealWith(secretKey);

  const members = new Map<Member, { logFile: string }>();
  const natsUrl = natsUrlOf(nats.url, 'webhooks');
  const facts = { natsUrl, postgresUrl: postgres.url, adminKey: '', secretKey };
  for (let copy = 1; copy <= options.processes; copy++) {
    const started = await startProcess({ name: `webhooks-${copy}`, dir, facts, env: options.env ?? {} });
    resources.use(started.member);
    members.set(started.member, started);
  }
  await Promise.all([...members.keys()].map((member) => member.ready()));

  const kept = resources.move();
  return {
    bus,
    db,
    nats,
    postgres,
    members: [...members.keys()],
    addEndpoints: (wanted) => addAll(endpoints, wanted.map(seal)),
    async removeEndpoints(removed) {
      for (const { tenant_id, endpoint_id } of removed) await endpoints.delete(`${tenant_id}.${endpoint_id}`);
    },
    async errors() {
      const logs = await Promise.all([...members.values()].map(({ logFile }) => readFile(logFile, 'utf8')));
      return logs.flatMap(errorsIn);
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

async function startProcess(options: {
  name: string;
  dir: string;
  facts: { natsUrl: string; postgresUrl: string; adminKey: string; secretKey: string };
  env: Record<string, string>;
}): Promise<{ member: Member; logFile: string }> {
  const { name, dir, facts, env } = options;
  const port = await freePort();
  const ports = { gateway: port, scheduler: port, executor: port, projection: port, webhooks: port };
  const logFile = join(dir, `${name}.log`);
  const member = startMember({
    name,
    mainFile: sourceMainFile('webhooks'),
    env: {
      ...serviceEnv('webhooks', { ...facts, ports }),
      ERRAND_PROVISION: 'false',
      ERRAND_LOG_LEVEL: 'warn',
      ...env,
    },
    readyUrl: `http://127.0.0.1:${port}/readyz`,
    logFile,
  });
  return { member, logFile };
}

async function addAll(
  bucket: Bucket<WebhookEndpoint>,
  records: WebhookEndpoint[],
): Promise<WebhookEndpoint[]> {
  for (const record of records) await bucket.put(`${record.tenant_id}.${record.endpoint_id}`, record);
  return records;
}

function sealWith(secretKey: string) {
  const box = createSecretBox(secretKey);
  return (endpoint: Pick<WebhookEndpoint, 'tenant_id' | 'url'>): WebhookEndpoint => {
    const endpointId = `whe_${randomUUIDv7().replaceAll('-', '')}`;
    const nowText = new Date().toISOString();
    return {
      endpoint_id: endpointId,
      method: 'POST',
      description: '',
      enabled: true,
      event_types: ['job.succeeded'],
      signing_secret: box.seal(SIGNING_SECRET, [endpoint.tenant_id, endpointId, 'signing_secret']),
      basic_auth: null,
      secret_headers: {},
      created_at: nowText,
      updated_at: nowText,
      ...endpoint,
    };
  };
}

function errorsIn(log: string): string[] {
  return log.split('\n').flatMap((line) => {
    try {
      const { level, msg, err } = JSON.parse(line);
      return level === 'error' || level === 'fatal' || level >= 50 ? [`${msg}: ${err?.message ?? ''}`] : [];
    } catch {
      return [];
    }
  });
}
