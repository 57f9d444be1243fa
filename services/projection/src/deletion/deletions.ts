import type { ProjectionHandlers } from '@errand/bus';
import { openSession } from '@errand/postgres';
import type { Logger } from '@errand/runtime';
import { closeTenant, type DeleteTenantDeps, deleteTenant } from './delete-tenant.ts';
import {
  beginDeletion,
  type DeletionRow,
  deletionOf,
  listDeletions,
  readDeletion,
  recordDeletion,
} from './deletion-rows.ts';

export interface Deletions {
  /** What the commands do. */
  readonly handlers: Pick<ProjectionHandlers, 'delete_tenant' | 'deletion_status'>;
  /** Works on the deletions that are to be done, unless another process does. Never throws. */
  look(): Promise<void>;
}

interface DeletionsDeps extends DeleteTenantDeps {
  readonly databaseUrl: () => string;
  readonly log: Logger;
}

/** Any process answers the commands; the one whose session holds the lock does the work, one tenant after the other. */
export function createDeletions(deps: DeletionsDeps): Deletions {
  const { db, now, log } = deps;
  let looking: Promise<void> | undefined;
  const look = () => {
    looking ??= workOnAll(deps).finally(() => {
      looking = undefined;
    });
    return looking;
  };
  return {
    look,
    handlers: {
      async delete_tenant({ tenant_id: tenantId, actor }) {
        const row = await beginDeletion(db, { tenantId, actor, nowMs: now() });
        log.info({ tenant_id: tenantId, actor }, 'tenant_deletion_asked');
        // Whoever is told of it has no key that works any more.
        await closeTenant(deps, { tenantId, actor });
        void look();
        return row ? { kind: 'known', deletion: deletionOf(row) } : { kind: 'none' };
      },
      async deletion_status({ tenant_id: tenantId }) {
        const row = await readDeletion(db, tenantId);
        return row ? { kind: 'known', deletion: deletionOf(row) } : { kind: 'none' };
      },
    },
  };
}

async function workOnAll(deps: DeletionsDeps): Promise<void> {
  const { db, databaseUrl, log, signal } = deps;
  try {
    if ((await listDeletions(db)).length === 0) return;
    await using session = await openSession({ url: databaseUrl, name: 'errand-deletion' });
    if (!(await session.lock('deletion', 'tenant'))) return;
    for (const row of await listDeletions(db)) {
      if (signal.aborted) return;
      await workOn(row, deps);
    }
  } catch (err) {
    if (!signal.aborted) log.warn({ err }, 'deletion_interrupted');
  }
}

/** One that fails is tried again at the next look, and keeps no other one from its turn. */
async function workOn(row: DeletionRow, deps: DeletionsDeps): Promise<void> {
  const { db, log, signal } = deps;
  const about = { tenant_id: row.tenant_id };
  try {
    await deleteTenant(row, deps);
    log.info(about, 'tenant_deleted');
  } catch (err) {
    if (signal.aborted) return;
    log.warn({ ...about, err }, 'deletion_interrupted');
    const error = err instanceof Error ? err.message : String(err);
    await recordDeletion(db, row.tenant_id, { error }).catch(() => {});
  }
}
