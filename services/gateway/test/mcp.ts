import type { StoredEvent } from '@errand/bus';
import { connectionOf } from '@errand/bus/testing';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { ADMIN_KEY, STARTED, SUCCEEDED, TENANT, type TestGateway } from './gateway.ts';

export interface ConnectOptions {
  /** `auto`: the newest revision; `legacy`: 2025-11-25. Default: auto. */
  readonly mode?: 'auto' | 'legacy';
  /** Default: the tenant's key. */
  readonly token?: string;
  readonly headers?: Record<string, string>;
  /** Of another gateway. */
  readonly url?: string;
  /** Of another tenant. */
  readonly tenantId?: string;
}

export function mcpPath(tenantId = TENANT): string {
  return `/v2/tenants/${tenantId}/mcp`;
}

/** A client of the official SDK. Close it. */
export async function connect(gateway: TestGateway, options: ConnectOptions = {}): Promise<Client> {
  const { mode = 'auto', token = gateway.apiKey, headers = {}, url = gateway.url, tenantId } = options;
  const transport = new StreamableHTTPClientTransport(new URL(url + mcpPath(tenantId)), {
    requestInit: { headers: { authorization: `Bearer ${token}`, ...headers } },
  });
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } });
  await client.connect(transport);
  return client;
}

/** A key of TENANT. */
export async function createKeyFor(gateway: TestGateway, about: object): Promise<string> {
  const body = { name: 'agent', ...about };
  const made = await gateway.call(`/admin/tenants/${TENANT}/keys`, { token: ADMIN_KEY, body });
  return made.json.api_key;
}

/** Resolves once the log is listened to; `job` is the next one that is requested then. */
export async function listenForRun(gateway: TestGateway): Promise<{ job: Promise<StoredEvent> }> {
  const { promise: job, resolve } = Promise.withResolvers<StoredEvent>();
  const stop = gateway.bus.jobs.onStored('stored.jobs.>', {
    onGap: () => {},
    onEvent: (stored) => {
      if (stored.type !== 'JobRequested') return;
      stop();
      resolve(stored);
    },
  });
  await connectionOf(gateway.bus).flush();
  return { job };
}

/** Runs a job as an executor would. */
export async function succeed(gateway: TestGateway, jobId: string, version: number): Promise<void> {
  const started = await gateway.append(jobId, version, STARTED);
  await gateway.append(jobId, started ?? 0, SUCCEEDED);
}
