import { join } from 'node:path';
import { type RunningServer, startPostgresServer, startRestartable } from '@errand/local-servers';
import { startPostgresContainer } from './postgres-container.ts';
import { embeddedTestServer, type TestServer, testServersMode } from './server.ts';
import { makeTempDir } from './temp-dir.ts';

/** Several test files share one server, each with pools of its own. */
const MAX_CONNECTIONS = 200;

/** A Postgres owned by one test file; see TestServer. */
export type TestPostgres = TestServer;

/**
 * Resolves to an empty Postgres owned by this test file, for tests that kill it; `createTestDatabase` is far cheaper
 * for all others. Its `url` is that of a superuser. Dispose of it in `afterAll`.
 */
export async function startTestPostgres(): Promise<TestPostgres> {
  if (testServersMode() === 'containers') return startPostgresContainer(MAX_CONNECTIONS);
  const dir = await makeTempDir();
  const server = await startRestartable<RunningServer>((first) =>
    startPostgresServer({
      dataDir: join(dir.path, 'postgres'),
      logFile: join(dir.path, 'postgres.log'),
      port: first?.port,
      durable: false,
      maxConnections: MAX_CONNECTIONS,
    }),
  );
  return embeddedTestServer(server, dir.remove);
}
