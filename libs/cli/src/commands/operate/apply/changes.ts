import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { CannotRun } from '../../../cannot-run.ts';
import { type Gateway, orElse } from '../../../gateway.ts';
import { type Change, type Deps, named, utc } from './change.ts';
import type { DeclaredEndpoint, DeclaredKey, DeclaredTenant } from './declaration.ts';
import { scheduleChanges } from './schedule-changes.ts';
import type { ReadSecret } from './secrets.ts';

/** Of a token that is guessed, its digest could be found. */
const MIN_TOKEN = 32;

interface StoredTenant {
  readonly limits: object;
  readonly actions?: readonly string[];
}
interface StoredKey {
  readonly key_id: string;
  readonly name: string;
}
interface StoredEndpoint {
  readonly endpoint_id: string;
  readonly description: string;
}

/** What there is to do for a tenant, in the order in which it has to be done. @throws CannotRun; ErrandError */
export async function changesOf(
  tenant: string,
  declared: DeclaredTenant,
  { gateway, read, ownerOf }: { gateway: Gateway; read: ReadSecret; ownerOf: Map<string, string> },
): Promise<Change[]> {
  const stored = await orElse(
    gateway.json<StoredTenant>({ method: 'GET', path: `/admin/tenants/${tenant}` }),
    {
      unknown_tenant: undefined,
    },
  );
  const deps = { gateway, read, ownerOf, tenant, isNew: stored === undefined };
  return [
    ...tenantChanges(declared, stored, deps),
    ...(declared.keys ? await keyChanges(declared.keys, deps) : []),
    ...(declared.endpoints ? await endpointChanges(declared.endpoints, deps) : []),
    ...(declared.schedules ? await scheduleChanges(declared.schedules, deps) : []),
  ];
}

function tenantChanges(
  { limits, actions }: DeclaredTenant,
  stored: StoredTenant | undefined,
  { gateway, tenant }: Deps,
): Change[] {
  const members = [
    ...(limits && !isDeepStrictEqual(limits, stored?.limits ?? {}) ? ['limits'] : []),
    ...(actions !== undefined && !isDeepStrictEqual(actions, stored?.actions ?? null) ? ['actions'] : []),
  ];
  if (stored && members.length === 0) return [];
  const apply = () =>
    gateway.json({
      method: 'PUT',
      path: `/admin/tenants/${tenant}`,
      body: { limits, actions },
      isRepeatable: true,
    });
  return [{ kind: 'tenant', tenant, name: tenant, change: stored ? 'change' : 'make', members, apply }];
}

async function keyChanges(declared: Readonly<Record<string, DeclaredKey>>, deps: Deps): Promise<Change[]> {
  const { gateway, tenant, isNew, read, ownerOf } = deps;
  const path = `/admin/tenants/${tenant}/keys`;
  const { keys } = isNew ? { keys: [] } : await gateway.json<{ keys: StoredKey[] }>({ method: 'GET', path });
  const known = new Map(keys.map((key) => [key.key_id, key]));
  const about = { kind: 'key', tenant } as const;
  const changes: Change[] = [];
  for (const [name, { token, ...rest }] of Object.entries(declared)) {
    const of = `tenants.${tenant}.keys.${name}.token`;
    const secret = await read(token, of);
    if (secret.length < MIN_TOKEN) throw new CannotRun(`${of} is shorter than ${MIN_TOKEN} characters`);
    const keyId = createHash('sha256').update(secret).digest('hex');
    const owner = ownerOf.get(keyId);
    if (owner !== undefined) throw new CannotRun(`${of} is that of ${owner}, too: make one for each`);
    ownerOf.set(keyId, of);
    const stored = known.get(keyId);
    known.delete(keyId);
    const { expires_at } = rest;
    const expiry = expires_at === undefined ? undefined : utc(expires_at);
    const body = { name, ...rest, expires_at: expiry };
    const members = stored ? differences(body, stored) : [];
    if (stored && members.length === 0) continue;
    const apply = () => gateway.json({ method: 'PUT', path: `${path}/${keyId}`, body, isRepeatable: true });
    changes.push({ ...about, name, change: stored ? 'change' : 'make', members, apply });
  }
  for (const { key_id, name } of known.values()) {
    const apply = () => gateway.json({ method: 'DELETE', path: `/admin/keys/${key_id}` });
    changes.push({ ...about, name, change: 'unlisted', members: [], apply });
  }
  return changes;
}

/** Members of a key that are not as declared. */
function differences(declared: object, stored: object): string[] {
  const {
    key_id: _,
    tenant_id: _tenant,
    created_at: _at,
    last_used_at: _use,
    ...rest
  } = stored as Record<string, unknown>;
  const wanted = declared as Record<string, unknown>;
  const members = new Set([...Object.keys(wanted), ...Object.keys(rest)]);
  return [...members].filter((member) => !isDeepStrictEqual(wanted[member], rest[member]));
}

async function endpointChanges(
  declared: Readonly<Record<string, DeclaredEndpoint>>,
  { gateway, tenant, isNew, read }: Deps,
): Promise<Change[]> {
  const path = `/v2/tenants/${tenant}/webhooks`;
  const { webhooks } = isNew
    ? { webhooks: [] }
    : await gateway.json<{ webhooks: StoredEndpoint[] }>({ method: 'GET', path });
  const known = new Map(webhooks.map((endpoint) => [endpoint.endpoint_id, endpoint]));
  const about = { kind: 'endpoint', tenant } as const;
  const changes: Change[] = [];
  for (const [name, endpoint] of Object.entries(declared)) {
    const id = endpointIdOf(tenant, name);
    const body = await withSecrets(name, endpoint, (reference, member) =>
      read(reference, `tenants.${tenant}.endpoints.${name}.${member}`),
    );
    const put = (query?: Record<string, string>) =>
      gateway.json<{ changed: string[] }>({
        method: 'PUT',
        path: `${path}/${id}`,
        body,
        isRepeatable: true,
        ...(query && { query }),
      });
    const isKnown = known.delete(id);
    // A tenant that is not there cannot be asked.
    const check = async () => (await put({ validate_only: 'true' })).changed;
    const members = isNew ? [] : await named(`tenants.${tenant}.endpoints.${name}`, check);
    if (isKnown && members.length === 0) continue;
    changes.push({
      ...about,
      name,
      change: isKnown ? 'change' : 'make',
      members: isKnown ? members : [],
      apply: () => put(),
    });
  }
  for (const { endpoint_id, description } of known.values()) {
    const apply = () => gateway.json({ method: 'DELETE', path: `${path}/${endpoint_id}` });
    changes.push({ ...about, name: description || endpoint_id, change: 'unlisted', members: [], apply });
  }
  return changes;
}

async function withSecrets(
  name: string,
  { basic_auth, secret_headers, signing_secret, ...rest }: DeclaredEndpoint,
  read: ReadSecret,
): Promise<object> {
  const headers = Object.entries(secret_headers ?? {}).map(
    async ([header, value]) => [header, await read(value, `secret_headers.${header}`)] as const,
  );
  return {
    description: name,
    ...rest,
    basic_auth: basic_auth && {
      username: basic_auth.username,
      password: await read(basic_auth.password, 'basic_auth.password'),
    },
    secret_headers: secret_headers && Object.fromEntries(await Promise.all(headers)),
    signing_secret: signing_secret && (await read(signing_secret, 'signing_secret')),
  };
}

/** Always the same for a name, so an endpoint is found again. */
function endpointIdOf(tenant: string, name: string): string {
  const digest = createHash('sha256').update(`endpoint ${tenant} ${name}`).digest('hex');
  return `whe_${digest.slice(0, 32)}`;
}
