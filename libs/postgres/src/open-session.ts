import { once } from 'node:events';
import { Kysely, PostgresDialect, type PostgresPoolClient, sql } from 'kysely';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { type Database, type DatabaseOptions, type Db, int8AsNumber, urlOf } from './connect.ts';

/**
 * One connection, for what belongs to a session: advisory locks, temporary tables, COPY. A broken one is not replaced:
 * every later call fails.
 */
export interface DbSession extends AsyncDisposable {
  /** Its statements and transactions, one at a time. */
  readonly db: Db;
  /** Whether this session holds the lock of a kind of work from now on, until it is closed. No other one does then. */
  lock(work: string, of: string): Promise<boolean>;
  /**
   * Appends lines in the text format of COPY to a table, in the open transaction. The lines are sent as they are: see
   * `copyLine`.
   */
  copyInto(table: string, columns: readonly string[], lines: string): Promise<void>;
}

/** Statements may take as long as they need. @throws when Postgres does not answer */
export async function openSession(
  options: Pick<DatabaseOptions, 'url' | 'name' | 'connectTimeoutMs'>,
): Promise<DbSession> {
  const client = new pg.Client({
    connectionString: urlOf(options),
    application_name: options.name,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
    keepAlive: true,
    types: int8AsNumber,
  });
  // A connection that breaks fails the statement under way, and the next ones.
  client.on('error', () => {});
  await client.connect();
  const lent = Object.assign(client, { release: () => {} }) as unknown as PostgresPoolClient;
  const pool = { options: {}, connect: async () => lent, end: () => client.end() };
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) });
  return {
    db,
    async lock(work, of) {
      const { rows } = await sql<{ got: boolean }>`
        select pg_try_advisory_lock(hashtext(${`errand_${work}`}), hashtext(${of})) as got`.execute(db);
      return rows[0]?.got ?? false;
    },
    async copyInto(table, columns, lines) {
      const name = pg.escapeIdentifier(table);
      const stream = client.query(copyFrom(`copy ${name} (${columns.join()}) from stdin`));
      stream.end(lines);
      await once(stream, 'finish');
    },
    [Symbol.asyncDispose]: () => db.destroy(),
  };
}

/** One row in COPY's text format. Postgres parses each value as it would parse the same text elsewhere. */
export function copyLine(values: readonly (string | number | null)[]): string {
  let line = '';
  for (const [index, value] of values.entries()) {
    if (index > 0) line += '\t';
    if (value === null) line += '\\N';
    else line += typeof value === 'number' ? value : escapeText(value);
  }
  return `${line}\n`;
}

const SPECIAL = /[\\\n\r\t]/;
const ESCAPES: Record<string, string> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escapeText(text: string): string {
  return SPECIAL.test(text) ? text.replace(/[\\\n\r\t]/g, (each) => ESCAPES[each] ?? each) : text;
}
