import { hash } from 'node:crypto';
import {
  ActionRecord,
  BUCKETS,
  type BucketName,
  type ConfigKind,
  type ConfigResource,
} from '@errand/contracts';

/** Where each kind of configuration is stored. */
export const CONFIG_BUCKETS: Readonly<Record<ConfigKind, BucketName>> = {
  tenant: BUCKETS.tenants,
  key: BUCKETS.apiKeys,
  endpoint: BUCKETS.webhookEndpoints,
  schedule: BUCKETS.schedules,
  action: BUCKETS.actions,
};

/** What an entry of a bucket configures; undefined for a value that does not say whose it is. */
export function configResource(kind: ConfigKind, key: string, value: unknown): ConfigResource | undefined {
  if (kind === 'tenant') return { kind, tenantId: key, id: key };
  if (kind === 'action') return { kind, tenantId: undefined, id: key };
  const { tenant_id: tenantId } = (value ?? {}) as { tenant_id?: unknown };
  if (typeof tenantId !== 'string') return undefined;
  return { kind, tenantId, id: kind === 'key' ? key : key.slice(tenantId.length + 1) };
}

/** The key under which a resource is stored. */
export function configKey({ kind, tenantId, id }: ConfigResource): string {
  return kind === 'endpoint' || kind === 'schedule' ? `${tenantId}.${id}` : id;
}

/** SHA-256 in hex of a stored value: of an action's, of what it offers, and not of who serves it at the moment. */
export function configDigest(kind: ConfigKind, value: unknown): string | null {
  if (value === undefined) return null;
  return hash('sha256', JSON.stringify(kind === 'action' ? offerOf(value) : value), 'hex');
}

function offerOf(value: unknown): unknown {
  const record = ActionRecord.safeParse(value).data;
  if (!record) return value;
  const contracts = record.contracts.map(({ contract, withdrawn }) => [
    contract.contract_id,
    withdrawn === true,
  ]);
  return [contracts, record.paused === true];
}
