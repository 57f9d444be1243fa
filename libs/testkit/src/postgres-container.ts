import { freePort } from '@errand/local-servers';
import { PostgreSqlContainer } from '@testcontainers/postgresql';
import { containerTestServer } from './container.ts';
import type { TestServer } from './server.ts';

const IMAGE = 'postgres:18';

/** Resolves to a Postgres in a container once it accepts connections; role and database are `errand`. */
export async function startPostgresContainer(maxConnections: number): Promise<TestServer> {
  const port = await freePort();
  const settings = [`max_connections=${maxConnections}`, 'fsync=off', 'full_page_writes=off'];
  const container = await new PostgreSqlContainer(IMAGE)
    .withDatabase('errand')
    .withUsername('errand')
    .withPassword('errand')
    .withCommand(['postgres', ...settings.flatMap((setting) => ['-c', setting])])
    .withExposedPorts({ container: 5432, host: port })
    .start();
  return containerTestServer(container, `postgres://errand:errand@127.0.0.1:${port}/errand`);
}
