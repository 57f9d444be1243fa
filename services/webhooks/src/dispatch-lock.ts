import type { Db } from '@errand/postgres';
import { sql } from 'kysely';

const RETRY_MS = 1_000;

/**
 * Runs `lead` whenever this process is the one that dispatches, until stopped. `session` is the connection that
 * holds the lock: whoever reads its work over it reads nothing once the lock is lost, for they are lost together.
 * It is an advisory lock of the session, so no proxy that pools by transaction may stand between.
 */
export async function whileHoldingLock(options: {
  /** Opens a pool of one connection. It is closed, and the lock with it let go, once `lead` is over. */
  openSession: () => Db;
  /** Resolves when stopped; throws when the session fails. */
  lead: (session: Db) => Promise<void>;
  onChange: (leading: boolean) => void;
  /** Told when Postgres cannot be asked, once for each time that it goes away. */
  onError: (error: unknown) => void;
  signal: AbortSignal;
}): Promise<void> {
  const { signal } = options;
  let failing = false;
  while (!signal.aborted) {
    const db = options.openSession();
    try {
      await db.connection().execute(async (session) => {
        while (!(await tryLock(session))) {
          failing = false;
          await pause(RETRY_MS, signal);
          if (signal.aborted) return;
        }
        failing = false;
        options.onChange(true);
        await options.lead(session);
      });
    } catch (error) {
      if (!failing) options.onError(error);
      failing = true;
    }
    options.onChange(false);
    // A session that failed is never used again: it may be hanging.
    await db.destroy().catch(() => {});
    await pause(RETRY_MS, signal);
  }
}

async function tryLock(session: Db): Promise<boolean> {
  const { rows } = await sql<{ locked: boolean }>`
    select pg_try_advisory_lock(hashtext('errand_webhooks_dispatch')) as locked`.execute(session);
  return rows[0]?.locked === true;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
