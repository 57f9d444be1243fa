import { siteApi, standbyUser } from '@errand/contracts';
import { freePort } from '@errand/local-servers';
import { startTestNats, type TestNats } from './nats.ts';
import { startTcpProxy } from './tcp-proxy.ts';

/** A JetStream server that a standby may mirror. It is never a container. */
export interface TestSite extends TestNats {
  /** Where a standby connects to as a leaf. */
  readonly leafUrl: string;
  /** Ends the connection of the standby, and refuses new ones until disposed of. */
  cut(): Disposable;
}

const PASSWORD = 'standby';

/** What makes a server a leaf of a site, under `leafnodes`. */
export function leafOf(site: TestSite | undefined) {
  return { remotes: site ? [{ url: site.leafUrl }] : [] };
}

/** Starts the NATS of a site. `standbyOf`: also a leaf of that one, so that it can be its standby. */
export async function startTestSite(
  site: string,
  { standbyOf }: { standbyOf?: TestSite } = {},
): Promise<TestSite> {
  const port = await freePort();
  const link = await startTcpProxy(`nats://standby:${PASSWORD}@127.0.0.1:${port}`, (from, to) =>
    from.pipe(to),
  );
  const nats = await startTestNats({
    users: [standbyUser(site, PASSWORD)],
    more: {
      // A server that has a leaf refuses to be the leaf of one with its own name.
      server_name: site,
      mappings: { [`${siteApi(site)}.>`]: '$JS.API.>' },
      // Leaves come through the link alone.
      leafnodes: { listen: `127.0.0.1:${port}`, no_advertise: true, ...leafOf(standbyOf) },
    },
  });
  return {
    ...nats,
    leafUrl: link.url,
    cut: () => link.cut(),
    async [Symbol.asyncDispose]() {
      await link[Symbol.asyncDispose]();
      await nats[Symbol.asyncDispose]();
    },
  };
}
