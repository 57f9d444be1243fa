import { randomUUIDv7 } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Bus } from '@errand/bus';
import {
  ApiKey,
  BUCKETS,
  type JobRef,
  KeyUse,
  PROJECTION_READER,
  Schedule,
  Tenant,
  toJobEvent,
  WEBHOOKS_READER,
  WebhookEndpoint,
} from '@errand/contracts';
import { decide, foldJob, operationOf } from '@errand/domain';
import { type Db, forgetLateAttempts, forgetTenantRows, readLogPosition } from '@errand/postgres';
import { isUnderWay, readRebuild } from '../rebuild/progress-rows.ts';
import { type DeletionRow, endDeletion, recordDeletion } from './deletion-rows.ts';

/*
 * Deletes a tenant with all that there is of it. Each part can be done again, so whoever takes a deletion over begins
 * anew:
 *
 *   closing     the tenant is marked, its keys, endpoints, schedules and bulk actions go: nobody asks for anything any more
 *   canceling   jobs that have not ended are asked to, and have the grace for it
 *   removing    once all readers of the log have passed what there was: events, payloads, dead letters, rows. Again,
 *               until a look that began after the grace has found nothing more
 *   ending      the tenant's own record goes, and what was recorded of changes but that
 *
 * What appends to a job that is gone conflicts with its guard, so an executor or a scheduler that still knows of one
 * brings nothing back.
 */

export interface DeleteTenantDeps {
  readonly db: Db;
  readonly bus: Bus;
  /** The wall clock, in ms. */
  readonly now: () => number;
  readonly signal: AbortSignal;
  /** How long what is under way may take to end. */
  readonly graceMs: number;
}

const LOOK_MS = 500;
const LOOKS_IN_SILENCE = 60;
const CANCELS_AT_ONCE = 50;

/** @throws LogUnavailable; the errors of Postgres; the signal's reason */
export async function deleteTenant(row: DeletionRow, deps: DeleteTenantDeps): Promise<void> {
  const { db, bus, now, signal, graceMs } = deps;
  const { tenant_id: tenantId, actor } = row;
  const beganMs = now();
  const isGraceOver = () => now() - beganMs >= graceMs;
  let removed = Number(row.removed);

  // All is gone by then but its record and their traces. A record that is there again was made since.
  if (row.step === 'ending') {
    return (await isMadeAnew(deps, tenantId)) ? endDeletion(db, tenantId) : end(deps, { tenantId, actor });
  }
  await closeTenant(deps, { tenantId, actor });
  await recordDeletion(db, tenantId, { step: 'canceling', error: null });
  while ((await cancelJobs(deps, { tenantId, actor })) > 0 && !isGraceOver()) await wait();
  await recordDeletion(db, tenantId, { step: 'removing' });
  for (let isClean = false; !isClean; ) {
    const isLast = isGraceOver() && !(await isRebuilding(db));
    const closed = await closeTenant(deps, { tenantId, actor });
    await readersHavePassed(deps, tenantId);
    const gone =
      (await forgetTenantRows(db, tenantId)) +
      (await bus.forget.purgeEvents(tenantId)) +
      (await bus.forget.purgePayloads(tenantId)) +
      (await bus.forget.purgeDeadLetters(tenantId)) +
      (await bus.forget.purgeJobLogs(tenantId)) +
      (isLast ? await forgetLateAttempts(db, beganMs) : 0);
    removed += gone;
    // Another process may have ended it.
    if (!(await recordDeletion(db, tenantId, { removed, error: null }))) return;
    isClean = isLast && closed + gone === 0;
    if (!isClean) await wait();
  }
  if (!(await recordDeletion(db, tenantId, { step: 'ending' }))) return;
  await end(deps, { tenantId, actor });

  async function wait(): Promise<void> {
    await pause(LOOK_MS, undefined, { signal });
  }
}

/**
 * Marks the tenant, and removes its keys, endpoints, schedules and bulk actions, so that nothing new is asked for. Resolves
 * with how many there were.
 */
export async function closeTenant(
  { bus }: Pick<DeleteTenantDeps, 'bus'>,
  who: { tenantId: string; actor: string },
): Promise<number> {
  const { tenantId, actor } = who;
  const tenants = await bus.buckets.watchRecorded('tenant', Tenant);
  const keys = await bus.buckets.watchRecorded('key', ApiKey);
  const endpoints = await bus.buckets.watchRecorded('endpoint', WebhookEndpoint);
  const schedules = await bus.buckets.watchRecorded('schedule', Schedule);
  const uses = await bus.buckets.open(BUCKETS.keyUses, KeyUse);
  try {
    await tenants
      .by(actor)
      .change(tenantId, (stored) => (stored.deleting ? stored : { ...stored, deleting: true }));
    let removed = 0;
    for (const bucket of [keys, endpoints, schedules]) {
      for (const [key, { tenant_id }] of [...bucket.entries()]) {
        if (tenant_id !== tenantId) continue;
        await bucket.by(actor).delete(key);
        if (bucket === keys) await uses.delete(key);
        removed++;
      }
    }
    return removed + (await bus.forget.purgeEntries(tenantId));
  } finally {
    for (const bucket of [tenants, keys, endpoints, schedules]) bucket.close();
  }
}

async function isMadeAnew({ bus }: DeleteTenantDeps, tenantId: string): Promise<boolean> {
  const tenants = await bus.buckets.open(BUCKETS.tenants, Tenant);
  const stored = await tenants.get(tenantId);
  return stored !== undefined && !stored.deleting;
}

/** Asks the jobs to end that have not. Resolves with how many there were. */
async function cancelJobs(
  { bus, now, signal }: DeleteTenantDeps,
  { tenantId, actor }: { tenantId: string; actor: string },
): Promise<number> {
  const open = await bus.forget.openJobs(tenantId);
  const rest = open.values();
  const work = async () => {
    for (const ref of rest) {
      signal.throwIfAborted();
      await cancel(ref);
    }
  };
  await Promise.all(Array.from({ length: CANCELS_AT_ONCE }, work));
  return open.length;

  async function cancel(ref: JobRef): Promise<void> {
    const events = await bus.jobs.read(ref);
    const state = foldJob(events);
    const hasOperation = operationOf(events) !== undefined;
    const decision = decide({ type: 'cancelJob', by: actor, hasOperation }, state);
    if (!state || decision.kind === 'rejected') return;
    const envelope = {
      id: randomUUIDv7(),
      jobId: ref.jobId,
      source: '/errand/projection',
      timeMs: now(),
    } as const;
    const event = toJobEvent(decision.fact, envelope);
    await bus.jobs.append({ ref, event, expectedVersion: state.version });
  }
}

/** Resolves once nobody makes rows any more of what the log has of the tenant, and the audit log has all of it. */
async function readersHavePassed({ db, bus, signal }: DeleteTenantDeps, tenantId: string): Promise<void> {
  const { event, ending } = await bus.forget.lastVersions(tenantId);
  for (let looks = 1; ; looks++) {
    const [projected = event, told = ending, isAudited] = await Promise.all([
      readLogPosition(db, PROJECTION_READER.name),
      readLogPosition(db, WEBHOOKS_READER.name),
      bus.forget.isAudited(event),
    ]);
    const behind = [
      ...(projected < event ? ['the projection'] : []),
      ...(told < ending ? ['the webhooks service'] : []),
      ...(isAudited ? [] : ['the audit log']),
    ];
    if (behind.length === 0) return;
    if (looks === LOOKS_IN_SILENCE) {
      await recordDeletion(db, tenantId, { error: `it waits for ${behind.join(' and ')} to read the log` });
    }
    await pause(LOOK_MS, undefined, { signal });
  }
}

/** A rebuild that began before the events went may still bring their rows. */
async function isRebuilding(db: Db): Promise<boolean> {
  const rebuild = await readRebuild(db);
  return rebuild !== undefined && isUnderWay(rebuild);
}

async function end(
  { db, bus }: DeleteTenantDeps,
  { tenantId, actor }: { tenantId: string; actor: string },
): Promise<void> {
  // While its record is there, nobody makes it anew.
  await bus.forget.purgeParts(tenantId);
  const tenants = await bus.buckets.watchRecorded('tenant', Tenant);
  try {
    await tenants.by(actor).delete(tenantId);
  } finally {
    tenants.close();
  }
  let deletedAt = 0;
  for await (const { change, position } of bus.config.read({ tenantId })) {
    if (change?.kind === 'tenant' && change.change === 'deleted') deletedAt = position;
  }
  await bus.forget.purgeTenant(tenantId, deletedAt);
  await endDeletion(db, tenantId);
}
