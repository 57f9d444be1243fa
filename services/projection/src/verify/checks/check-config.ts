import { setTimeout as sleep } from 'node:timers/promises';
import type { VerifyRun } from '../verify-context.ts';

/**
 * Compares tenants, keys, endpoints and actions with what is recorded of their changes. What differs is looked at again,
 * since a change is recorded before it is made.
 * @throws LogUnavailable; AbortError
 */
export async function checkConfig(run: VerifyRun): Promise<void> {
  const { bus, secondLookMs } = run.deps;
  const look = async () => {
    const differences = await bus.config.differences(run.tenantId);
    return new Map(differences.map(({ resource, detail }) => [`${resource.kind} ${idOf(resource)}`, detail]));
  };
  const first = await look();
  if (first.size === 0) return;
  await sleep(secondLookMs, undefined, { signal: run.signal });
  for (const [id, detail] of await look()) {
    if (first.has(id)) run.findings.add('config_differs', { id, detail });
  }
}

function idOf({ tenantId, id }: { tenantId: string | undefined; id: string }): string {
  return tenantId === undefined || tenantId === id ? id : `${tenantId} ${id}`;
}
