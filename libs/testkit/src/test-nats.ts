import { join } from 'node:path';
import { type RunningNats, startNatsServer, startRestartable } from '@errand/local-servers';
import { startNatsContainer } from './nats-container.ts';
import { makeTempDir } from './temp-dir.ts';
import { embeddedTestServer, type TestServer, testServersMode } from './test-server.ts';

/** A JetStream server of one test file; see TestServer. */
export type TestNats = TestServer;

/** Resolves to an empty JetStream server of this test file's own. Dispose of it in `afterAll`. */
export async function startTestNats(): Promise<TestNats> {
  if (testServersMode() === 'containers') return startNatsContainer();
  const dir = await makeTempDir();
  const server = await startRestartable<RunningNats>((first) =>
    startNatsServer({
      storeDir: join(dir.path, 'nats'),
      logFile: join(dir.path, 'nats.log'),
      port: first?.port,
      monitorPort: first?.monitorPort,
    }),
  );
  return embeddedTestServer(server, dir.remove);
}
