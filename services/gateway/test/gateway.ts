import { randomUUIDv7 } from 'node:crypto';
import { defineAction } from '@errand/actions';
import { type Bus, openBus } from '@errand/bus';
import {
  type ActionContract,
  ActionRecord,
  BUCKETS,
  DEFAULT_TOPOLOGY,
  type JobFact,
  toJobEvent,
} from '@errand/contracts';
import { recordOf } from '@errand/domain/testing';
import { createLogger, parseConfig } from '@errand/runtime';
import { createTestDatabase, startTestNats, type TestDatabase, type TestNats } from '@errand/testkit';
import { z } from 'zod';
import { type GatewayConfig, settings } from '../src/config.ts';
import { startGateway } from '../src/start.ts';

export const ADMIN_KEY = 'an-admin-key-for-tests';
export const TENANT = 'acme';
export const RUN_PATH = `/v2/tenants/${TENANT}/designs/d-1/simulate/run`;

export const SIMULATE = defineAction({
  name: 'simulate',
  description: 'Simulates a design',
  resource: 'designs/{design_id}',
  input: z.strictObject({
    tilt_deg: z.number().min(0).max(90),
    surface: z.enum(['roof', 'ground']).optional(),
    name: z.string().max(20).optional(),
    anything: z.unknown().optional(),
  }),
  result: z.object({ kwh: z.number() }),
  retry: { maxAttempts: 3 },
  run: () => ({ kwh: 7 }),
}).contract;

export const STARTED: JobFact = { type: 'JobStarted', data: { attempt: 1, executor_id: 'e-1' } };
export const SUCCEEDED: JobFact = {
  type: 'JobSucceeded',
  data: { attempt: 1, result: { kwh: 7 }, duration_ms: 5 },
};

/** How far an attempt has come. */
export function progressed(percent: number): JobFact {
  return { type: 'JobProgressed', data: { attempt: 1, percent } };
}

interface CallOptions {
  method?: string;
  /** An object is sent as JSON; text goes as it is. */
  body?: unknown;
  /** Null sends none; default: the tenant's key. */
  token?: string | null;
  headers?: Record<string, string>;
  /** An answer that takes longer is an error. Default: none does. */
  timeoutMs?: number;
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** The body as it came. */
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of many shapes.
  readonly json: any;
}

interface Urls {
  readonly url: string;
  /** Of its ops port, if it has one. */
  readonly opsUrl: string | undefined;
}

export interface TestGateway extends AsyncDisposable, Urls {
  readonly nats: TestNats;
  readonly database: TestDatabase;
  /** A connection of the test's own. */
  readonly bus: Bus;
  /** A key of TENANT. */
  readonly apiKey: string;
  /** Added to the gateway's clock. */
  shiftMs: number;
  call(path: string, options?: CallOptions): Promise<Answer>;
  /** With `unservedSince`, by executors that are gone. */
  announce(contract: ActionContract, unservedSince?: string): Promise<void>;
  /** Writes an event of a job of SIMULATE as an executor would; undefined when another one was first. */
  append(jobId: string, expectedVersion: number, fact: JobFact): Promise<number | undefined>;
  /** A new key, of TENANT unless told otherwise. */
  createKey(tenantId: string, name: string): Promise<{ key_id: string; api_key: string }>;
  /** Stops this gateway alone; the system stays for others. */
  stop(): Promise<void>;
  /** Another gateway of the same system. */
  another(overrides?: Partial<GatewayConfig>): Promise<AsyncDisposable & Urls>;
}

/** A gateway in this process, on a NATS of its own, with SIMULATE announced and TENANT made. */
export async function startTestGateway(
  overrides:
    | Partial<GatewayConfig>
    | ((servers: { natsUrl: string; databaseUrl: string }) => Promise<Partial<GatewayConfig>>) = {},
): Promise<TestGateway> {
  await using resources = new AsyncDisposableStack();
  const nats = resources.use(await startTestNats());
  const database = resources.use(await createTestDatabase());
  const config: GatewayConfig = {
    ...parseConfig(settings, {
      ERRAND_PORT: '0',
      ERRAND_ADMIN_KEY: ADMIN_KEY,
      ERRAND_SECRET_KEY: Buffer.alloc(32, 7).toString('base64'),
      NATS_URL: nats.url,
      DATABASE_URL: database.url,
    }),
    ...(typeof overrides === 'function'
      ? await overrides({ natsUrl: nats.url, databaseUrl: database.url })
      : overrides),
  };
  const log = createLogger({ service: 'gateway', level: 'silent' });
  const stop = new AbortController();
  const fail = (error: unknown) => {
    throw error;
  };
  const started = { apiKey: '', shiftMs: 0 };
  const now = () => Date.now() + started.shiftMs;
  const context = { log, signal: stop.signal, fail, now };
  const gateway = resources.use(await startGateway(config, context));
  const topology = { ...DEFAULT_TOPOLOGY, jobsMaxBytes: 100_000_000 };
  const bus = resources.use(await openBus({ servers: nats.url, name: 'test', topology }));
  const actions = await bus.buckets.open(BUCKETS.actions, ActionRecord);
  const { url, opsUrl } = urlsOf(gateway);
  const adminUrl = config.adminOnOpsPort ? opsUrl : url;

  const test: TestGateway = {
    nats,
    database,
    bus,
    url,
    opsUrl,
    get apiKey() {
      return started.apiKey;
    },
    get shiftMs() {
      return started.shiftMs;
    },
    set shiftMs(ms) {
      started.shiftMs = ms;
    },
    call: (path, options = {}) => call(url + path, { token: started.apiKey, ...options }),
    async announce(contract, unservedSince) {
      const [live] = recordOf(contract).contracts;
      if (live)
        await actions.put(contract.name, { contracts: [{ ...live, unserved_since: unservedSince ?? null }] });
    },
    async append(jobId, expectedVersion, fact) {
      const ref = { tenantId: TENANT, action: 'simulate', jobId };
      const envelope = { id: randomUUIDv7(), jobId, source: '/errand/executor', timeMs: Date.now() } as const;
      const outcome = await bus.jobs.append({ ref, event: toJobEvent(fact, envelope), expectedVersion });
      return outcome.kind === 'appended' ? outcome.version : undefined;
    },
    async createKey(tenantId, name) {
      const path = `${adminUrl}/admin/tenants/${tenantId}`;
      await call(path, { method: 'PUT', token: ADMIN_KEY });
      return (await call(`${path}/keys`, { token: ADMIN_KEY, body: { name } })).json;
    },
    async stop() {
      await gateway[Symbol.asyncDispose]();
    },
    async another(others = {}) {
      const other = await startGateway({ ...config, ...others }, context);
      const dispose = () => other[Symbol.asyncDispose]();
      const { url, opsUrl } = urlsOf(other);
      return { url, opsUrl, [Symbol.asyncDispose]: dispose };
    },
    [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
  };
  await test.announce(SIMULATE);
  started.apiKey = (await test.createKey(TENANT, 'test key')).api_key;
  const owned = resources.move();
  return test;
}

function urlsOf({ port, opsPort }: { port: number; opsPort: number | undefined }): Urls {
  const urlOf = (each: number) => `http://127.0.0.1:${each}`;
  return { url: urlOf(port), opsUrl: opsPort === undefined ? undefined : urlOf(opsPort) };
}

async function call(url: string, options: CallOptions): Promise<Answer> {
  const { body, token, headers = {} } = options;
  const response = await fetch(url, {
    method: options.method ?? (body === undefined ? 'GET' : 'POST'),
    ...(options.timeoutMs === undefined ? {} : { signal: AbortSignal.timeout(options.timeoutMs) }),
    headers: {
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = /\b(problem\+)?json\b/.test(response.headers.get('content-type') ?? '');
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: isJson && text !== '' ? JSON.parse(text) : undefined,
  };
}
