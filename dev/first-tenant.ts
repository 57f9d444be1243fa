export const FIRST_TENANT_ID = 'local';

/** Creates the tenant `local` if missing, and resolves to a working key of it: `remembered` if that works. */
export async function ensureFirstTenant(options: {
  url: string;
  adminKey: string;
  remembered: string | undefined;
}): Promise<{ tenant_id: string; api_key: string }> {
  const { url, adminKey, remembered } = options;
  const tenantPath = `/admin/tenants/${FIRST_TENANT_ID}`;
  await request(`${url}${tenantPath}`, { method: 'PUT', key: adminKey });
  if (remembered !== undefined && (await keyWorks(url, remembered))) {
    return { tenant_id: FIRST_TENANT_ID, api_key: remembered };
  }
  const made = await request(`${url}${tenantPath}/keys`, {
    method: 'POST',
    key: adminKey,
    body: { name: FIRST_TENANT_ID },
  });
  const { api_key } = (await made.json()) as { api_key: string };
  return { tenant_id: FIRST_TENANT_ID, api_key };
}

const SIGN_IN_TTL_S = 3_600;

/** A link that opens the console once, within the hour, with all rights. */
export async function signInLink({ url, adminKey }: { url: string; adminKey: string }): Promise<string> {
  const path = '/admin/sign-in-codes';
  const made = await request(`${url}${path}`, {
    method: 'POST',
    key: adminKey,
    body: { ttl_s: SIGN_IN_TTL_S },
  });
  return url + ((await made.json()) as { path: string }).path;
}

async function keyWorks(url: string, key: string): Promise<boolean> {
  const response = await fetch(`${url}/v2/tenants/${FIRST_TENANT_ID}/actions`, {
    headers: { authorization: `Bearer ${key}` },
  });
  await response.body?.cancel();
  if (response.ok) return true;
  if (response.status === 401 || response.status === 404) return false;
  throw new Error(`the gateway answered ${response.status} to a request for its actions`);
}

async function request(
  url: string,
  { method, key, body }: { method: string; key: string; body?: unknown },
): Promise<Response> {
  const response = await fetch(url, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (response.ok) return response;
  throw new Error(`${method} ${url} answers ${response.status}: ${(await response.text()).slice(0, 500)}`);
}
