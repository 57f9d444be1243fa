import { BULK_ACTION_DAYS, type BulkAction, type BulkKind, EventId, type KeyScope } from '@errand/contracts';
import { assertMay, type Caller } from '../http/authenticate.ts';
import { isLimited } from '../http/key-limits.ts';
import { Refusal } from '../http/problem.ts';
import type { BulkGroup } from './bulk-group.ts';
import type { BulkStore } from './bulk-store.ts';

/** What a key needs for many jobs is what it needs for one. */
const SCOPES: Record<BulkKind, KeyScope> = {
  cancel: 'jobs:cancel',
  retry: 'runs:write',
  redeliver: 'webhooks:write',
};

/**
 * Lets in callers that may do the same to a single job. Webhooks are about jobs of all actions, so keys for some jobs may not
 * redeliver.
 * @throws Refusal forbidden
 */
export function assertMayAct(caller: Caller, kind: BulkKind): void {
  assertMay(caller, SCOPES[kind]);
  assertManyJobs(caller);
  if (kind === 'redeliver' && isLimited(caller.only)) {
    throw new Refusal('forbidden', { detail: 'The key is for some jobs only.' });
  }
}

/** @throws Refusal forbidden for a token that is for one job */
export function assertManyJobs({ only }: Caller): void {
  if (only.jobId !== undefined) throw new Refusal('forbidden', { detail: 'The token is for one job.' });
}

/** Whose bulk actions a caller sees: with a key for some jobs, its own; undefined: everybody's. */
export function actorSeen({ only, actor }: Caller): string | undefined {
  return isLimited(only) ? actor : undefined;
}

/** @throws Refusal unknown_bulk_action, forbidden; LogUnavailable */
export async function readBulkAction(
  store: Pick<BulkStore, 'find'>,
  caller: Caller,
  bulkId = '',
): Promise<BulkAction> {
  assertManyJobs(caller);
  const action = EventId.safeParse(bulkId).success ? await store.find(caller.tenantId, bulkId) : undefined;
  const seen = actorSeen(caller);
  if (!action || (seen !== undefined && action.actor !== seen)) throw new Refusal('unknown_bulk_action');
  return action;
}

/** Every gateway has the heads of all that are kept in memory. */
const MOST_KEPT = 10_000;

/** Whether one more may begin. @throws Refusal too_many_bulk_actions */
export function assertRoomForNew(
  bulk: Pick<BulkGroup['bulk'], 'store' | 'perTenant'>,
  tenantId: string,
): void {
  assertRoom(bulk, tenantId);
  const kept = bulk.store.heads().filter((each) => each.tenant_id === tenantId);
  if (kept.length < MOST_KEPT) return;
  const detail = `The tenant may have ${MOST_KEPT} bulk actions, which are kept for ${BULK_ACTION_DAYS} days after their last change.`;
  throw new Refusal('too_many_bulk_actions', { detail });
}

/** Whether one more may run. @throws Refusal too_many_bulk_actions */
export function assertRoom(
  { store, perTenant }: Pick<BulkGroup['bulk'], 'store' | 'perTenant'>,
  tenantId: string,
): void {
  const running = store.heads().filter((each) => each.tenant_id === tenantId && each.state === 'running');
  if (running.length < perTenant) return;
  const detail = `The tenant may have ${perTenant} bulk actions running. Wait for one to end, or abort one.`;
  throw new Refusal('too_many_bulk_actions', { detail });
}
