import type { Db } from '@errand/postgres';
import { sql } from 'kysely';

/*
 * The leases on the 256 shards. All times are Postgres' own, so the clocks of processes do not matter.
 */

export const SHARDS = 256;

/** Says that a process is there, and renews its leases; resolves with its shards and the number of processes. */
export async function renewShards(
  db: Db,
  { owner, leaseMs }: { owner: string; leaseMs: number },
): Promise<{ shards: number[]; owners: number }> {
  const until = sql`now() + ${leaseMs} * interval '1 millisecond'`;
  await sql`
    insert into webhook_owner (owner, expires_at) values (${owner}, ${until})
    on conflict (owner) do update set expires_at = excluded.expires_at`.execute(db);
  await sql`delete from webhook_owner where expires_at < now()`.execute(db);
  const { rows } = await sql<{ shard: number }>`
    update webhook_shard set expires_at = ${until} where owner = ${owner} returning shard`.execute(db);
  const counted = await sql<{ owners: number }>`select count(*)::int as owners from webhook_owner`.execute(
    db,
  );
  return { shards: rows.map(({ shard }) => shard), owners: Math.max(1, counted.rows[0]?.owners ?? 1) };
}

/** Takes up to `most` shards that nobody holds; resolves with them. */
export async function claimShards(
  db: Db,
  { owner, leaseMs, most }: { owner: string; leaseMs: number; most: number },
): Promise<number[]> {
  const { rows } = await sql<{ shard: number }>`
    update webhook_shard set owner = ${owner}, expires_at = now() + ${leaseMs} * interval '1 millisecond'
    where shard in (
      select shard from webhook_shard where owner is null or expires_at < now()
      order by shard limit ${most} for update skip locked)
    returning shard`.execute(db);
  return rows.map(({ shard }) => shard);
}

/** Lets shards go, for others to take at once. */
export async function releaseShards(db: Db, owner: string, shards: readonly number[]): Promise<void> {
  await sql`
    update webhook_shard set owner = null, expires_at = null
    where owner = ${owner} and shard = any(${[...shards]}::smallint[])`.execute(db);
}

/** Takes back that a process is there. */
export async function leaveShards(db: Db, owner: string): Promise<void> {
  await sql`delete from webhook_owner where owner = ${owner}`.execute(db);
}
