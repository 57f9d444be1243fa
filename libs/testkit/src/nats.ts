import { join } from 'node:path';
import { type RunningNats, startNatsServer, startRestartable } from '@errand/local-servers';
import { startNatsContainer } from './nats-container.ts';
import { embeddedTestServer, type TestServer, testServersMode } from './server.ts';
import { makeTempDir } from './temp-dir.ts';

/** A JetStream server owned by one test file; see TestServer. */
export type TestNats = TestServer;

/**
 * Resolves to an empty JetStream server owned by this test file. Dispose of it in `afterAll`. `maxFileStoreBytes`
 * limits what its streams may grow to; with it, the server is never a container.
 */
export async function startTestNats({
  maxFileStoreBytes,
}: {
  maxFileStoreBytes?: number;
} = {}): Promise<TestNats> {
  if (testServersMode() === 'containers' && maxFileStoreBytes === undefined) return startNatsContainer();
  const dir = await makeTempDir();
  const server = await startRestartable<RunningNats>((first) =>
    startNatsServer({
      storeDir: join(dir.path, 'nats'),
      logFile: join(dir.path, 'nats.log'),
      port: first?.port,
      monitorPort: first?.monitorPort,
      maxFileStoreBytes,
    }),
  );
  return embeddedTestServer(server, dir.remove);
}
