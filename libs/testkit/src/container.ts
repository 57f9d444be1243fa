import { getContainerRuntimeClient, type StartedTestContainer } from 'testcontainers';
import type { TestServer } from './server.ts';

/**
 * The test server around a container. Its host port has to be a fixed one, or it changes at a restart. `cleanUp` runs
 * after the container was removed.
 */
export function containerTestServer(
  container: StartedTestContainer,
  url: string,
  cleanUp: () => Promise<void> = async () => {},
): TestServer {
  return {
    url,
    async kill() {
      const { container: containers } = await getContainerRuntimeClient();
      const handle = containers.getById(container.getId());
      const gone = handle.wait();
      await handle.kill({ signal: 'SIGKILL' });
      await gone;
    },
    restart: () => container.restart(),
    async [Symbol.asyncDispose]() {
      await container.stop({ remove: true, removeVolumes: true });
      await cleanUp();
    },
  };
}
