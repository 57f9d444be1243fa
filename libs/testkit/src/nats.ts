import { join } from 'node:path';
import { NATS_ROLES, type NatsRole, natsUser } from '@errand/contracts';
import { type RunningNats, startNatsServer, startRestartable } from '@errand/local-servers';
import { startNatsContainer } from './nats-container.ts';
import { embeddedTestServer, type TestServer, testServersMode } from './server.ts';
import { makeTempDir } from './temp-dir.ts';

/** A JetStream server owned by one test file; see TestServer. */
export type TestNats = TestServer;

/** A user for each role, whose password is its name. Whoever connects without one may do everything. */
export function natsAccess(others: readonly object[] = []) {
  const roles = NATS_ROLES.map((role) => natsUser(role, role));
  return {
    authorization: { users: [{ user: 'everything', password: 'x' }, ...roles, ...others] },
    no_auth_user: 'everything',
  };
}

/** The address of a test server for a user of a role. A server that has none lets it in all the same. */
export function natsUrlOf(url: string, role: NatsRole): string {
  return url.replaceAll('nats://', `nats://${role}:${role}@`);
}

/**
 * Resolves to an empty JetStream server owned by this test file. Dispose of it in `afterAll`. `maxFileStoreBytes`
 * limits what its streams may grow to; `users` and `more` are added to its configuration. With any of them, the server is never a
 * container.
 */
export async function startTestNats(
  options: {
    maxFileStoreBytes?: number;
    users?: readonly object[];
    more?: Readonly<Record<string, unknown>>;
  } = {},
): Promise<TestNats> {
  const { maxFileStoreBytes, users = [], more = {} } = options;
  if (testServersMode() === 'containers' && Object.keys(options).length === 0) return startNatsContainer();
  const dir = await makeTempDir();
  const server = await startRestartable<RunningNats>((first) =>
    startNatsServer({
      storeDir: join(dir.path, 'nats'),
      logFile: join(dir.path, 'nats.log'),
      port: first?.port,
      monitorPort: first?.monitorPort,
      maxFileStoreBytes,
      more: { ...natsAccess(users), ...more },
    }),
  );
  return embeddedTestServer(server, dir.remove);
}
