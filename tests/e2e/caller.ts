import { JobSummary, RunAccepted } from '@errand/contracts';
import { Agent, request } from 'undici';
import type { System } from './system.ts';

/** An HTTP answer whose body is JSON, or nothing. */
interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: unknown;
}

/** A tenant's client of the gateway. Each call rejects when the connection breaks, and is never retried. */
export interface Caller extends AsyncDisposable {
  readonly tenantId: string;
  /** The key it calls with. */
  readonly apiKey: string;
  /** Calls a path such as `/v2/tenants/…`. */
  call(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answer>;
  /** Asks for a simulation of the design `e2e`; undefined for any answer but 202. */
  run(): Promise<RunAccepted | undefined>;
  /** The simulation's status. Rejects for any answer but 200. */
  status(jobId: string): Promise<JobSummary>;
  /** Registers an endpoint. Rejects for any answer but 201. */
  createWebhook(endpoint: Record<string, unknown>): Promise<{ endpoint_id: string; signing_secret: string }>;
}

/** What the tests simulate: a small roof, done in some ten milliseconds. */
export const SMALL_DESIGN = {
  location: { latitude: 39.74, longitude: -105.18, elevation_m: 1_829, utc_offset_h: -7 },
  arrays: [{ dc_kw: 4, tilt_deg: 20, azimuth_deg: 180 }],
  inverter: { ac_kw: 3.8 },
};

/** Creates a tenant and a key for it through the admin API. */
export async function createCaller(system: System, tenantId: string): Promise<Caller> {
  const agent = new Agent({ bodyTimeout: 30_000, headersTimeout: 30_000 });
  const admin = callWith(agent, system.url, system.adminKey);
  const tenant = await admin('PUT', `/admin/tenants/${tenantId}`);
  if (tenant.status >= 300) throw new Error(`tenant refused: ${JSON.stringify(tenant)}`);
  const key = await admin('POST', `/admin/tenants/${tenantId}/keys`, { name: 'e2e' });
  if (key.status !== 201) throw new Error(`key refused: ${JSON.stringify(key)}`);
  const { api_key: apiKey } = key.body as { api_key: string };
  const call = callWith(agent, system.url, apiKey);
  const simulation = `/v2/tenants/${tenantId}/designs/e2e/performance_simulation`;
  return {
    tenantId,
    apiKey,
    call,
    async run() {
      const answer = await call('POST', `${simulation}/run`, SMALL_DESIGN);
      return answer.status === 202 ? RunAccepted.parse(answer.body) : undefined;
    },
    async status(jobId) {
      const answer = await call('GET', `${simulation}/status?job_id=${jobId}`);
      if (answer.status !== 200) throw new Error(`status refused: ${JSON.stringify(answer)}`);
      return JobSummary.parse(answer.body);
    },
    async createWebhook(endpoint) {
      const answer = await call('POST', `/v2/tenants/${tenantId}/webhooks`, endpoint);
      if (answer.status !== 201) throw new Error(`webhook refused: ${JSON.stringify(answer)}`);
      return answer.body as { endpoint_id: string; signing_secret: string };
    },
    [Symbol.asyncDispose]: () => agent.destroy(),
  };
}

function callWith(agent: Agent, url: string, token: string): Caller['call'] {
  return async (method, path, body, more = {}) => {
    const response = await request(url + path, {
      dispatcher: agent,
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...more,
      },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await response.body.text();
    const { statusCode: status, headers } = response;
    return { status, headers, body: text === '' ? undefined : JSON.parse(text) };
  };
}
