import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  AUDIT_STREAM,
  BUCKETS,
  bucketStream,
  DEAD_LETTERS_STREAM,
  JOBS_STREAM,
  PAYLOADS_STREAM,
} from '@errand/contracts';
import type { Db } from '@errand/postgres';
import { rawNatsRequest } from '@errand/testkit';
import { sql } from 'kysely';

/**
 * What is measured.
 *
 *   a stream      what NATS counts, in bytes; its file is removed once all of its 8 MB are old
 *   otherStreams  the sum of all that are not named
 *   natsFiles     all files of NATS
 *   a table       with indexes, of all partitions
 *   database      with the catalogs, in which each partition leaves traces
 *   postgresFiles all files of Postgres, with the write-ahead log
 *   logs          what all processes have written since the run began, or in one retention: nothing keeps it
 */
export interface Sizes {
  readonly jobs: number;
  readonly audit: number;
  readonly payloads: number;
  readonly deadLetters: number;
  readonly idempotency: number;
  readonly otherStreams: number;
  readonly natsFiles: number;
  readonly summaries: number;
  readonly deliveries: number;
  readonly statistics: number;
  readonly database: number;
  readonly postgresFiles: number;
  readonly logs: number;
}

const NAMED: Readonly<Record<string, keyof Sizes>> = {
  [JOBS_STREAM]: 'jobs',
  [AUDIT_STREAM]: 'audit',
  [PAYLOADS_STREAM]: 'payloads',
  [DEAD_LETTERS_STREAM]: 'deadLetters',
  [bucketStream(BUCKETS.idempotency)]: 'idempotency',
};

/** As nats-server writes it. */
export interface StreamInfo {
  readonly config: { readonly name: string; readonly max_age: number; readonly duplicate_window: number };
  readonly state: { readonly bytes: number };
}

export async function listStreams(natsUrl: string): Promise<StreamInfo[]> {
  const { streams } = await rawNatsRequest(natsUrl, '$JS.API.STREAM.LIST', { offset: 0 });
  return streams as StreamInfo[];
}

export async function measureSizes(system: { nats: { url: string }; dir: string }, db: Db): Promise<Sizes> {
  const { nats, dir } = system;
  const [streams, natsFiles, tables, postgresFiles, logs] = await Promise.all([
    listStreams(nats.url),
    bytesOfFolder(join(dir, 'nats')),
    tableSizes(db),
    bytesOfFolder(join(dir, 'postgres')),
    bytesOfLogs(dir),
  ]);
  const sums = { jobs: 0, audit: 0, payloads: 0, deadLetters: 0, idempotency: 0, otherStreams: 0 };
  for (const { config, state } of streams) {
    const name = NAMED[config.name] ?? 'otherStreams';
    Object.assign(sums, { [name]: sums[name as keyof typeof sums] + state.bytes });
  }
  return { ...sums, natsFiles, ...tables, postgresFiles, logs };
}

async function tableSizes(
  db: Db,
): Promise<Pick<Sizes, 'summaries' | 'deliveries' | 'statistics' | 'database'>> {
  // A partition may be dropped meanwhile; its size is null then.
  const { rows } = await sql<{ summaries: number; deliveries: number; statistics: number; database: number }>`
    with partitions as (
      select inhparent::regclass::text as parent, coalesce(pg_total_relation_size(inhrelid), 0) as bytes from pg_inherits
      where inhparent in (select oid from pg_class where relkind = 'p'))
    select
      coalesce(sum(bytes) filter (where parent = 'job_summary'), 0)::float8 as summaries,
      coalesce(sum(bytes) filter (where parent like 'webhook_%'), 0)::float8 as deliveries,
      (pg_total_relation_size('job_stats') + pg_total_relation_size('job_failures'))::float8 as statistics,
      pg_database_size(current_database())::float8 as database
    from partitions`.execute(db);
  if (!rows[0]) throw new Error('Postgres returned no sizes');
  return rows[0];
}

/** What the files of a folder take on the disk. */
async function bytesOfFolder(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(files.map(({ parentPath, name }) => bytesOfFile(join(parentPath, name))));
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}

async function bytesOfLogs(dir: string): Promise<number> {
  const names = (await readdir(dir)).filter((name) => name.endsWith('.log'));
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(dir, name))).size));
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}

/** 0 for a file that is gone. */
async function bytesOfFile(path: string): Promise<number> {
  return stat(path).then(
    ({ blocks }) => blocks * 512,
    () => 0,
  );
}
