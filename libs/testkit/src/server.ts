import type { Restartable, RunningServer } from '@errand/local-servers';

/** A real server that one test file owns, in both modes at the same address for its whole life. */
export interface TestServer extends AsyncDisposable {
  readonly url: string;
  /** Ends the process by SIGKILL; resolves when it is gone. Disk writes that the kernel has accepted are kept. */
  kill(): Promise<void>;
  /** Starts it again on the same data and port; resolves when it answers. One that still runs is stopped first. */
  restart(): Promise<void>;
}

/** Where the servers of a test run come from. */
export type TestServersMode = 'embedded' | 'containers';

/** Returns what `ERRAND_TEST_SERVERS` says; default `embedded`. */
export function testServersMode(env: NodeJS.ProcessEnv = process.env): TestServersMode {
  const mode = env.ERRAND_TEST_SERVERS || 'embedded';
  if (mode === 'embedded' || mode === 'containers') return mode;
  throw new Error(`ERRAND_TEST_SERVERS is '${mode}', expected 'embedded' or 'containers'`);
}

/** The test server around a process of this machine; `cleanUp` runs after its end. */
export function embeddedTestServer(
  server: Restartable<RunningServer>,
  cleanUp: () => Promise<void>,
): TestServer {
  return {
    url: server.url,
    restart: () => server.restart(),
    async kill() {
      server.kill('SIGKILL');
      await server.exited;
    },
    async [Symbol.asyncDispose]() {
      await server.stop();
      await cleanUp();
    },
  };
}
