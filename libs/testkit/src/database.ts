import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';

declare module 'vitest' {
  interface ProvidedContext {
    /** The url of a superuser on the Postgres that the test run shares. */
    postgresAdminUrl: string;
  }
}

/** An empty database; disposing of it ends its sessions and drops it. */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string;
}

/** Resolves to a fresh database on the Postgres that the integration and e2e projects share. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const adminUrl = inject('postgresAdminUrl');
  if (!adminUrl) throw new Error('no shared Postgres: is this file in a project with the globalSetup?');
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await runAs(adminUrl, `CREATE DATABASE ${name}`);
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    [Symbol.asyncDispose]: () => runAs(adminUrl, `DROP DATABASE ${name} WITH (FORCE)`),
  };
}

/** Runs SQL as the user of a URL, on a connection of its own. */
export async function runAs(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
