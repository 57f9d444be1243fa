import { randomBytes, randomUUIDv7 } from 'node:crypto';
import { type Bucket, type Bus, openBus } from '@errand/bus';
import {
  BUCKETS,
  DEFAULT_TOPOLOGY,
  type JobFact,
  type JobRef,
  type JobWebhook,
  toJobEvent,
  WebhookEndpoint,
} from '@errand/contracts';
import { type Db, openDatabase } from '@errand/postgres';
import { createLogger, createSecretBox, parseConfig } from '@errand/runtime';
import {
  createTestDatabase,
  type Receiver,
  startReceiver,
  startTestNats,
  type TestDatabase,
  type TestNats,
} from '@errand/testkit';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { settings, type WebhooksConfig } from '../src/config.ts';
import { startWebhooks, type WebhooksContext } from '../src/start.ts';

/* What the integration tests share: a log to write endings to, endpoints to tell, and the service between them. */

export const SIGNING_SECRET = `whsec_${randomBytes(32).toString('base64')}`;
const SECRET_KEY = randomBytes(32).toString('base64');
const TOPOLOGY = { ...DEFAULT_TOPOLOGY, jobsMaxBytes: 100_000_000 };

export interface TestSystem extends AsyncDisposable {
  /** By which the service finds its servers and its key. */
  readonly env: Record<string, string>;
  readonly bus: Bus;
  readonly endpoints: Bucket<WebhookEndpoint>;
  readonly db: Db;
  /** Starts the service under test, with waits of 0 between three attempts unless told otherwise. */
  start(
    overrides?: Partial<WebhooksConfig>,
    context?: Pick<WebhooksContext, 'now' | 'schedule'>,
  ): Promise<AsyncDisposable & { opsPort: number }>;
  /** Writes a whole job into the log; resolves with the id of its ending. */
  endJob(
    tenantId: string,
    ending?: JobFact,
    webhook?: JobWebhook,
    /** Of the executor, against this machine's. */
    clockAheadMs?: number,
  ): Promise<{ eventId: string; jobId: string }>;
  addEndpoint(
    endpoint: Pick<WebhookEndpoint, 'tenant_id' | 'url'> & Partial<WebhookEndpoint>,
    secrets?: TestSecrets,
  ): Promise<WebhookEndpoint>;
}

interface TestSecrets {
  password?: string;
  headers?: Record<string, string>;
  sealingKey?: string;
  /** Signing secrets that were replaced. */
  previous?: { secret: string; expiresMs: number }[];
}

const SUCCEEDED: JobFact = {
  type: 'JobSucceeded',
  data: { attempt: 1, result: { kwh: 1 }, duration_ms: 5 },
};

let database: TestDatabase;
/** Of the file and of the test that runs; see `startForEachTest`. */
export let nats: TestNats;
export let system: TestSystem;
export let receiver: Receiver;
export let tenantId: string;

/** Gives each test of a file a database, a system, a receiver and a tenant of its own; the log is one for all. */
export function startForEachTest(): void {
  beforeAll(async () => {
    nats = await startTestNats();
  });
  afterAll(async () => {
    await nats[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    database = await createTestDatabase();
    system = await openTestSystem({ natsUrl: nats.url, databaseUrl: database.url });
    receiver = await startReceiver();
    tenantId = `t-${crypto.randomUUID()}`;
  });
  afterEach(async () => {
    await receiver[Symbol.asyncDispose]();
    await system[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });
}

export async function openTestSystem(servers: { natsUrl: string; databaseUrl: string }): Promise<TestSystem> {
  const { natsUrl, databaseUrl } = servers;
  const bus = await openBus({ servers: natsUrl, name: 'test', topology: TOPOLOGY });
  const endpoints = await bus.buckets.open(BUCKETS.webhookEndpoints, WebhookEndpoint);
  const db = openDatabase({ url: databaseUrl, name: 'test', poolSize: 2 });
  const log = createLogger({ service: 'test', level: process.env.ERRAND_LOG_LEVEL ?? 'silent' });
  const env = {
    DATABASE_URL: databaseUrl,
    NATS_URL: natsUrl,
    ERRAND_SECRET_KEY: SECRET_KEY,
    ERRAND_WEBHOOKS_ALLOW_HTTP: 'true',
    ERRAND_WEBHOOKS_ALLOW_CIDRS: '127.0.0.0/8,::1/128',
  };
  return {
    env,
    bus,
    endpoints,
    db,
    start(overrides = {}, context = {}) {
      const config = {
        ...parseConfig(settings, env),
        ...TOPOLOGY,
        opsPort: 0,
        sweepIntervalMs: 50,
        leaseMs: 600,
      };
      const fail = (error: unknown) => {
        throw error;
      };
      return startWebhooks(
        { ...config, ...overrides },
        { log, fail, signal: new AbortController().signal, schedule: threeAttempts(0), ...context },
      );
    },
    endJob: (tenantId, ending = SUCCEEDED, webhook = undefined, clockAheadMs = 0) =>
      endJob(bus, { tenantId, ending, webhook, clockAheadMs }),
    async addEndpoint(endpoint, secrets = {}) {
      const record = sealedEndpoint(endpoint, secrets);
      await endpoints.put(`${record.tenant_id}.${record.endpoint_id}`, record);
      return record;
    },
    async [Symbol.asyncDispose]() {
      await db.destroy();
      await bus[Symbol.asyncDispose]();
    },
  };
}

export function threeAttempts(waitMs: number): { waitsMs: number[]; jitter: number } {
  return { waitsMs: [0, waitMs, waitMs], jitter: 0 };
}

async function endJob(
  bus: Bus,
  {
    tenantId,
    ending,
    webhook,
    clockAheadMs,
  }: { tenantId: string; ending: JobFact; webhook: JobWebhook | undefined; clockAheadMs: number },
) {
  const ref: JobRef = { tenantId, action: 'render', jobId: randomUUIDv7() };
  const requested: JobFact = {
    type: 'JobRequested',
    data: {
      tenant_id: tenantId,
      action: 'render',
      action_version: '1',
      resource: { design_id: 'd-1' },
      input: {},
      metadata: { order: '7' },
      source: 'api',
      requested_by: 'test',
      finish_by: new Date(Date.now() + 3_600_000).toISOString(),
      ...(webhook ? { webhook } : {}),
    },
  };
  const started: JobFact = { type: 'JobStarted', data: { attempt: 1, executor_id: 'test' } };
  let expectedVersion = 0;
  let eventId = '';
  for (const fact of [requested, started, ending]) {
    eventId = randomUUIDv7();
    const envelope = {
      id: eventId,
      jobId: ref.jobId,
      source: '/errand/test',
      timeMs: Date.now() + clockAheadMs,
    } as const;
    const outcome = await bus.jobs.append({ ref, event: toJobEvent(fact, envelope), expectedVersion });
    if (outcome.kind !== 'appended') throw new Error('the test lost a race against nobody');
    expectedVersion = outcome.version;
  }
  return { eventId, jobId: ref.jobId };
}

function sealedEndpoint(
  endpoint: Pick<WebhookEndpoint, 'tenant_id' | 'url'> & Partial<WebhookEndpoint>,
  secrets: TestSecrets,
): WebhookEndpoint {
  const endpointId = endpoint.endpoint_id ?? `whe_${randomUUIDv7().replaceAll('-', '')}`;
  const box = createSecretBox(secrets.sealingKey ?? SECRET_KEY);
  const seal = (plain: string, field: string) => box.seal(plain, [endpoint.tenant_id, endpointId, field]);
  const headers = Object.entries(secrets.headers ?? {});
  return {
    endpoint_id: endpointId,
    method: 'POST',
    description: '',
    enabled: true,
    event_types: ['job.succeeded', 'job.failed', 'job.canceled', 'job.expired'],
    signing_secret: seal(SIGNING_SECRET, 'signing_secret'),
    previous_signing_secrets: (secrets.previous ?? []).map(({ secret, expiresMs }) => ({
      secret: seal(secret, 'signing_secret'),
      expires_at: new Date(expiresMs).toISOString(),
    })),
    basic_auth:
      secrets.password === undefined
        ? null
        : { username: 'usér', password: seal(secrets.password, 'basic_auth.password') },
    secret_headers: Object.fromEntries(
      headers.map(([name, value]) => [name, seal(value, `secret_headers.${name}`)]),
    ),
    created_at: new Date().toISOString(),
    updated_at: new Date().toISOString(),
    ...endpoint,
  };
}
