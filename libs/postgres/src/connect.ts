import { Kysely, PostgresDialect, type PostgresPoolClient } from 'kysely';
import pg from 'pg';
import type { JobSummaryTable } from './job-summary/columns.ts';
import type { JobFailuresTable, JobStatsTable } from './schema/job-stats.ts';
import type { LogPositionTable } from './schema/log-position.ts';
import type { ProjectionRebuildTable } from './schema/projection-rebuild.ts';
import type { TenantDeletionTable } from './schema/tenant-deletion.ts';
import type { VerificationTable } from './schema/verification.ts';
import type {
  WebhookAttemptTable,
  WebhookDeliveryTable,
  WebhookEndpointStateTable,
  WebhookMessageTable,
  WebhookOwnerTable,
  WebhookReplayTable,
  WebhookShardTable,
} from './schema/webhooks.ts';

/**
 * Every table, each written by one service only, but for `log_position`, in which each writes its own row. The projection
 * deletes tenants from all.
 */
export interface Database {
  job_summary: JobSummaryTable;
  /** The table that a rebuild fills; it replaces job_summary. */
  job_summary_rebuild: JobSummaryTable;
  job_stats: JobStatsTable;
  job_failures: JobFailuresTable;
  projection_rebuild: ProjectionRebuildTable;
  log_position: LogPositionTable;
  tenant_deletion: TenantDeletionTable;
  verification: VerificationTable;
  webhook_message: WebhookMessageTable;
  webhook_delivery: WebhookDeliveryTable;
  webhook_attempt: WebhookAttemptTable;
  webhook_endpoint_state: WebhookEndpointStateTable;
  webhook_shard: WebhookShardTable;
  webhook_owner: WebhookOwnerTable;
  webhook_replay: WebhookReplayTable;
}

export type Db = Kysely<Database>;

export interface DatabaseOptions {
  /** What gives it is asked for each connection. */
  url: string | (() => string);
  /** Shown in pg_stat_activity. */
  name: string;
  poolSize: number;
  /** How long a statement may take before Postgres cancels it, in milliseconds. Default 30,000. */
  statementTimeoutMs?: number;
  /** How long to wait for a connection, in milliseconds. Default 5,000. */
  connectTimeoutMs?: number;
  /** Told of idle connections that broke; the pool replaces them by itself. */
  onError?: (error: Error) => void;
}

const INT8 = 20;

/** Stream sequences stay far below 2^53. */
export const int8AsNumber: pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: string) =>
    oid === INT8 ? Number : pg.types.getTypeParser(oid, format as 'text'),
};

/** The pool's own way to call `connect`. */
type ConnectOfPool = (told: (error: unknown) => void) => void;

/** A pool of connections. It connects when first used, so it can be opened while Postgres is down. */
export function openDatabase(options: DatabaseOptions): Db {
  const statementTimeoutMs = options.statementTimeoutMs ?? 30_000;
  const pool = new pg.Pool({
    Client: class extends pg.Client {
      // biome-ignore lint/correctness/noUnreachableSuper: the second one is called only where the first one threw.
      constructor(config?: pg.ClientConfig) {
        try {
          super({ ...config, connectionString: urlOf(options) });
        } catch (error) {
          // Whoever waits for a connection is told; the pool may make one where nobody would catch this.
          super(config);
          this.connect = ((told) => process.nextTick(told, error)) as ConnectOfPool as pg.Client['connect'];
        }
      }
    },
    application_name: options.name,
    max: options.poolSize,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
    statement_timeout: statementTimeoutMs,
    // The server's own timeout gives the better error; this one is for a server that no longer answers.
    query_timeout: statementTimeoutMs + 1_000,
    keepAlive: true,
    types: int8AsNumber,
  });
  pool.on('error', (error) => options.onError?.(error));
  // A connection that breaks while lent out fails its query and also emits an error that nobody else handles.
  pool.on('connect', (client) => client.on('error', () => {}));
  const lending = {
    options: pool.options,
    connect: async () => lend(await pool.connect()),
    end: () => pool.end(),
  };
  return new Kysely<Database>({ dialect: new PostgresDialect({ pool: lending }) });
}

export function urlOf({ url }: Pick<DatabaseOptions, 'url'>): string {
  return typeof url === 'string' ? url : url();
}

/**
 * SQLSTATEs of a session that is no longer usable while its server answers: read only since a failover (25006), out of
 * resources, being shut down, failing inside. A new connection may reach a better server.
 */
const OF_THE_SESSION = /^(?:08|25006|53|57P|58|XX)/;

/** Who lifts the server's limit for statements waits for theirs without one, up to the next of these. */
const LIFTS_LIMIT = /^\s*set (?:local )?statement_timeout = 0/;
const ENDS_LIFTED = /^\s*(?:commit|rollback|reset statement_timeout)/;
/** The longest time of a timer. */
const LONGEST_MS = 2 ** 31 - 1;

/** A connection that is closed, not kept, after such an answer. */
function lend(client: pg.PoolClient): PostgresPoolClient {
  let isSpoilt = false;
  let isUnlimited = false;
  const query = async (text: string, parameters: readonly unknown[]) => {
    isUnlimited = isUnlimited ? !ENDS_LIFTED.test(text) : LIFTS_LIMIT.test(text);
    const waiting = isUnlimited ? { query_timeout: LONGEST_MS } : {};
    try {
      return await client.query({ text, values: [...parameters], ...waiting });
    } catch (error) {
      isSpoilt ||= OF_THE_SESSION.test(String((error as { code?: unknown }).code ?? ''));
      throw error;
    }
  };
  return {
    query,
    release: (destroy = false) => client.release(destroy || isSpoilt),
  } as unknown as PostgresPoolClient;
}

/** Whether Postgres answers. */
export async function isReachable(db: Db): Promise<boolean> {
  try {
    await db.selectNoFrom((eb) => eb.lit(1).as('one')).execute();
    return true;
  } catch {
    return false;
  }
}
