import type { TenantLimits } from '@errand/contracts';
import type { BenchSystem } from './bench-system.ts';

/** A tenant's place in the API, and a key of its own. */
export interface Tenant {
  readonly base: string;
  readonly key: string;
}

/** The most items of a batch. */
const BATCH = 1_000;
const LONGEST_WAIT_S = 60;

/** Makes a tenant with a key, and with exactly these limits. */
export async function makeTenant(
  system: Pick<BenchSystem, 'url' | 'adminKey'>,
  name: string,
  limits: TenantLimits = {},
): Promise<Tenant> {
  const admin = { base: `${system.url}/admin/tenants`, key: system.adminKey };
  const put = await call(admin, 'PUT', name, JSON.stringify({ limits }));
  await put.arrayBuffer();
  if (!put.ok) throw new Error(`the tenant was not made: ${put.status}`);
  const made = await call(admin, 'POST', `${name}/keys`, JSON.stringify({ name: 'bench' }));
  if (!made.ok) throw new Error(`the key was not made: ${made.status}`);
  const { api_key: key } = (await made.json()) as { api_key: string };
  return { base: `${system.url}/v2/tenants/${name}`, key };
}

export function call(
  { base, key }: Tenant,
  method: string,
  path: string,
  body?: string,
  more: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...more };
  return fetch(`${base}/${path}`, { method, headers, ...(body === undefined ? {} : { body }) });
}

export async function untilServed(tenant: Tenant, action: string): Promise<void> {
  for (;;) {
    const answer = await call(tenant, 'GET', `actions/${action}`);
    await answer.arrayBuffer();
    if (answer.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** How long a run takes, in milliseconds, from the request to its 202. */
export async function run(tenant: Tenant, action: string, input: object): Promise<number> {
  const begunMs = performance.now();
  const answer = await call(tenant, 'POST', `${action}/run`, JSON.stringify(input));
  await answer.arrayBuffer();
  if (answer.status !== 202) throw new Error(`a run was answered ${answer.status}`);
  return performance.now() - begunMs;
}

/** How long a job takes, in milliseconds, from the request to the answer that it has ended. */
export async function runAndWait(tenant: Tenant, action: string, input: object): Promise<number> {
  const begunMs = performance.now();
  const prefer = { prefer: `wait=${LONGEST_WAIT_S}` };
  const answer = await call(tenant, 'POST', `${action}/run`, JSON.stringify(input), prefer);
  const { job_id: jobId } = (await answer.json()) as { job_id: string };
  if (answer.status === 200) return performance.now() - begunMs;
  if (answer.status !== 202) throw new Error(`a run was answered ${answer.status}`);
  for (;;) {
    const asked = await call(tenant, 'GET', `${action}/status?job_id=${jobId}&wait=${LONGEST_WAIT_S}`);
    const { finished_at: finishedAt } = (await asked.json()) as { finished_at: string | null };
    if (finishedAt) return performance.now() - begunMs;
  }
}

/** Asks for so many jobs with the same input, in batches. */
export async function runMany(tenant: Tenant, action: string, jobs: number, item: object): Promise<void> {
  for (let sent = 0; sent < jobs; sent += BATCH) {
    const items = Array.from({ length: Math.min(BATCH, jobs - sent) }, () => item);
    const answer = await call(tenant, 'POST', `${action}/run-batch`, JSON.stringify({ items }));
    await answer.arrayBuffer();
    if (answer.status !== 202) throw new Error(`a batch was answered ${answer.status}`);
  }
}
