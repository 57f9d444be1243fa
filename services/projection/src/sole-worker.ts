import { type DbSession, openSession } from '@errand/postgres';

/**
 * Does what there is to do until there is nothing more, while no other process does: the one whose session holds the lock.
 * Postgres frees the lock with the session, so another process takes over from one that dies. Each call looks once, and
 * shares a look that is under way. It never throws.
 */
export function createSoleWorker(deps: {
  databaseUrl: () => string;
  /** Of the session, and with `of` of the lock. */
  name: string;
  of: string;
  isWorkToDo: () => Promise<boolean>;
  work: (session: DbSession) => Promise<void>;
  signal: AbortSignal;
  onInterrupted: (error: unknown) => void;
}): () => Promise<void> {
  const { databaseUrl: url, name, of, isWorkToDo, work, signal, onInterrupted } = deps;
  let looking: Promise<void> | undefined;

  async function look(): Promise<void> {
    try {
      while (!signal.aborted && (await isWorkToDo())) {
        await using session = await openSession({ url, name: `errand-${name}` });
        if (!(await session.lock(name, of))) return;
        await work(session);
      }
    } catch (error) {
      if (!signal.aborted) onInterrupted(error);
    }
  }

  return () => {
    looking ??= look().finally(() => {
      looking = undefined;
    });
    return looking;
  };
}
