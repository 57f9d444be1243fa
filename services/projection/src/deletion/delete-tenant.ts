import { randomUUIDv7 } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Bus } from '@errand/bus';
import {
  ApiKey,
  type JobRef,
  PROJECTION_READER,
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
 *   closing     the tenant is marked, its keys and endpoints go: nobody asks for anything any more
 *   canceling   jobs that have not ended are asked to, and have the grace for it
 *   removing    once all readers of the log have passed what there was: events, payloads, dead letters, rows. Again,
 *               until a look that began after the grace has found nothing more
 *   then        the tenant's own record goes, and what was recorded of changes but that
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
const CANCELS_AT_ONCE = 50;

/** @throws LogUnavailable; the errors of Postgres; the signal's reason */
export async function deleteTenant(row: DeletionRow, deps: DeleteTenantDeps): Promise<void> {
  const { db, bus, now, signal, graceMs } = deps;
  const { tenant_id: tenantId, actor } = row;
  const beganMs = now();
  const isGraceOver = () => now() - beganMs >= graceMs;
  let removed = Number(row.removed);

  await close(deps, { tenantId, actor });
  await recordDeletion(db, tenantId, { step: 'canceling', error: null });
  while ((await cancelJobs(deps, { tenantId, actor })) > 0 && !isGraceOver()) await wait();
  await recordDeletion(db, tenantId, { step: 'removing' });
  for (let isClean = false; !isClean; ) {
    const isLast = isGraceOver() && !(await isRebuilding(db));
    await readersHavePassed(deps, tenantId);
    const gone =
      (await forgetTenantRows(db, tenantId)) +
      (await bus.forget.purgeEvents(tenantId)) +
      (await bus.forget.purgePayloads(tenantId)) +
      (await bus.forget.purgeDeadLetters(tenantId)) +
      (await forgetLateAttempts(db, beganMs));
    removed += gone;
    await recordDeletion(db, tenantId, { removed });
    isClean = isLast && gone === 0;
    if (!isClean) await wait();
  }
  await end(deps, { tenantId, actor });

  async function wait(): Promise<void> {
    await pause(LOOK_MS, undefined, { signal });
  }
}

/** Resolves once keys and endpoints are gone, so that nothing new is asked for. */
async function close({ bus }: DeleteTenantDeps, who: { tenantId: string; actor: string }): Promise<void> {
  const { tenantId, actor } = who;
  const [tenants, keys, endpoints] = await Promise.all([
    bus.buckets.watchRecorded('tenant', Tenant),
    bus.buckets.watchRecorded('key', ApiKey),
    bus.buckets.watchRecorded('endpoint', WebhookEndpoint),
  ]);
  try {
    await tenants.by(actor).change(tenantId, (stored) => ({ ...stored, deleting: true }));
    for (const bucket of [keys, endpoints]) {
      for (const [key, { tenant_id }] of [...bucket.entries()]) {
        if (tenant_id === tenantId) await bucket.by(actor).delete(key);
      }
    }
  } finally {
    for (const bucket of [tenants, keys, endpoints]) bucket.close();
  }
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
  for (;;) {
    const [projected = event, told = ending, filed] = await Promise.all([
      readLogPosition(db, PROJECTION_READER.name),
      readLogPosition(db, WEBHOOKS_READER.name),
      bus.audit.version(),
    ]);
    if (projected >= event && told >= ending && filed >= event) return;
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
  const tenants = await bus.buckets.watchRecorded('tenant', Tenant);
  try {
    await tenants.by(actor).delete(tenantId);
  } finally {
    tenants.close();
  }
  await bus.forget.purgeMarks(tenantId);
  await bus.forget.purgeConfig(tenantId);
  await endDeletion(db, tenantId);
}
