import { Agent, request } from 'undici';

/** What came back for one request. */
type Answer =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly headers: Readonly<Record<string, string | string[] | undefined>>;
      readonly body: unknown;
    }
  /** The connection broke, or nothing came in time: the request may have been served. */
  | { readonly kind: 'broken' };

/** A tenant's client of the gateway. It never retries and never throws. */
export interface Client extends AsyncDisposable {
  readonly tenantId: string;
  ask(method: 'GET' | 'POST', path: string, options?: AskOptions): Promise<Answer>;
}

interface AskOptions {
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

/** Shorter than the gateway's own patience, and than many pauses: callers give up on requests that are served. */
const TIMEOUT_MS = 3_000;

/**
 * Creates a tenant and a key for it through the admin API.
 * @throws if the gateway refuses that
 */
export async function createClient(gateway: { url: string; adminKey: string }): Promise<Client> {
  const tenantId = 'faults';
  const agent = new Agent({ headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS });
  const admin = (method: 'PUT' | 'POST', path: string, body?: unknown) =>
    send(agent, { method, url: gateway.url + path, token: gateway.adminKey, body });
  const tenant = await admin('PUT', `/admin/tenants/${tenantId}`);
  const key = await admin('POST', `/admin/tenants/${tenantId}/keys`, { name: 'faults' });
  if (tenant.kind === 'broken' || key.kind === 'broken' || key.status !== 201) {
    throw new Error(`no tenant or no key: ${JSON.stringify([tenant, key])}`);
  }
  const token = (key.body as { api_key: string }).api_key;
  return {
    tenantId,
    ask: (method, path, options) => send(agent, { method, url: gateway.url + path, token, ...options }),
    [Symbol.asyncDispose]: () => agent.destroy(),
  };
}

async function send(
  agent: Agent,
  { method, url, token, body, headers }: AskOptions & { method: string; url: string; token: string },
): Promise<Answer> {
  try {
    const response = await request(url, {
      dispatcher: agent,
      method,
      headers: {
        ...headers,
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await response.body.text();
    const answered = { status: response.statusCode, headers: response.headers };
    return { kind: 'answered', ...answered, body: text === '' ? undefined : JSON.parse(text) };
  } catch {
    return { kind: 'broken' };
  }
}
