import pg from 'pg';

const CHANNEL = 'bench_job_ended';

/** Tells servers of ended jobs. Neither of the queues in Postgres does it by itself. */
export function createTeller(url: string): (jobId: string) => Promise<void> {
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  return async (jobId) => void (await pool.query('select pg_notify($1, $2)', [CHANNEL, jobId]));
}

/** Resolves to a function whose promise resolves when the job of that id is told to have ended. */
export async function listenForEnds(url: string): Promise<(jobId: string) => Promise<void>> {
  const client = new pg.Client(url);
  await client.connect();
  const waiting = new Map<string, () => void>();
  const early = new Set<string>();
  client.on('notification', ({ payload = '' }) => {
    const wake = waiting.get(payload);
    if (wake) wake();
    else early.add(payload);
    waiting.delete(payload);
  });
  await client.query(`listen ${CHANNEL}`);
  return (jobId) =>
    early.delete(jobId) ? Promise.resolve() : new Promise((resolve) => waiting.set(jobId, resolve));
}
