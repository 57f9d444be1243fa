import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import type { Db } from './connect.ts';
import { createJobSummary } from './migrations/001-job-summary.ts';
import { createWebhooks } from './migrations/002-webhooks.ts';
import { createProjectionRebuild } from './migrations/003-projection-rebuild.ts';
import { settleWebhookPlans } from './migrations/004-webhook-plans.ts';
import { nameWebhookReceivers } from './migrations/005-webhook-receivers.ts';
import { mendRequests } from './migrations/006-searchable-requests.ts';
import { keepWebhookResults } from './migrations/007-webhook-results.ts';
import { dropStartBy } from './migrations/008-unused-index.ts';
import { createLogPosition } from './migrations/009-log-position.ts';
import { createTenantDeletion } from './migrations/010-tenant-deletion.ts';
import { createJobStats } from './migrations/011-job-stats.ts';
import { indexTenantDeliveries } from './migrations/012-tenant-deliveries.ts';
import { createVerification } from './migrations/013-verification.ts';
import { addWebhookTraces } from './migrations/014-webhook-traces.ts';
import { addWaitsFor } from './migrations/015-waits-for.ts';

const MIGRATIONS: Record<string, Migration> = {
  '001-job-summary': { up: createJobSummary },
  '002-webhooks': { up: createWebhooks },
  '003-projection-rebuild': { up: createProjectionRebuild },
  '004-webhook-plans': { up: settleWebhookPlans },
  '005-webhook-receivers': { up: nameWebhookReceivers },
  '006-searchable-requests': { up: mendRequests },
  '007-webhook-results': { up: keepWebhookResults },
  '008-unused-index': { up: dropStartBy },
  '009-log-position': { up: createLogPosition },
  '010-tenant-deletion': { up: createTenantDeletion },
  '011-job-stats': { up: createJobStats },
  '012-tenant-deliveries': { up: indexTenantDeliveries },
  '013-verification': { up: createVerification },
  '014-webhook-traces': { up: addWebhookTraces },
  '015-waits-for': { up: addWaitsFor },
};

/**
 * Brings the schema up to date, or leaves that of a later version as it is: an update can be rolled back, since no
 * migration takes away what the version before reads. Any number of processes may call it at once: the migrator holds an
 * advisory lock while it works, and the others find nothing left to do.
 */
export async function migrate(db: Db): Promise<void> {
  const migrations = { ...MIGRATIONS, ...(await laterMigrations(db)) };
  await db.connection().execute(async (connection) => {
    // An index of many rows takes longer than other statements may. Nobody is kept waiting for a lock that it waits for.
    await sql`set statement_timeout = 0`.execute(connection);
    await sql`set lock_timeout = ${sql.lit(LOCK_WAIT)}`.execute(connection);
    try {
      const provider = { getMigrations: async () => migrations };
      const { error } = await new Migrator({ db: connection, provider }).migrateToLatest();
      if (error) throw error;
    } finally {
      await sql`reset lock_timeout`.execute(connection).catch(() => {});
      await sql`reset statement_timeout`.execute(connection).catch(() => {});
    }
  });
}

/** As long as a statement of somebody else may take. */
const LOCK_WAIT = '30s';

/** What a later version has done here. Kysely takes a migration that it does not know for a broken history. */
async function laterMigrations(db: Db): Promise<Record<string, Migration>> {
  const table = await sql<{ oid: unknown }>`select to_regclass('kysely_migration') as oid`.execute(db);
  if (table.rows[0]?.oid === null) return {};
  const { rows } = await sql<{ name: string }>`select name from kysely_migration`.execute(db);
  const newest = Object.keys(MIGRATIONS).at(-1) ?? '';
  const later = rows.filter(({ name }) => name > newest);
  return Object.fromEntries(later.map(({ name }) => [name, { up: async () => {} }]));
}

/** Migrates as soon as Postgres can be reached, however long that takes. */
export async function migratePatiently(
  db: Db,
  options: { signal: AbortSignal; onRetry: (error: unknown) => void },
): Promise<void> {
  for (;;) {
    try {
      return await migrate(db);
    } catch (error) {
      options.signal.throwIfAborted();
      options.onRetry(error);
      await pause(500);
    }
  }
}
