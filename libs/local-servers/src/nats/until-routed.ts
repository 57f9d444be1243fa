import { poll } from '../poll.ts';

const TIMEOUT_MS = 60_000;
/** The server's default pool of three, and the route of the system account. */
const ROUTES_PER_PEER = 4;

/**
 * Resolves once each server of a cluster that has just started, given by the URLs of their monitors, has all its routes
 * to all the others. Routes that two servers open to each other at once may both be closed as duplicates; a second later
 * they are opened again, and until then a server that knows the meta leader cannot be placed on.
 * @throws if it is not so within a minute
 */
export async function untilRouted(monitorUrls: readonly string[]): Promise<void> {
  const whole = ROUTES_PER_PEER * (monitorUrls.length - 1);
  let routes: number[] = [];
  const isRouted = await poll(async () => {
    routes = await Promise.all(monitorUrls.map(countRoutes));
    return routes.every((count) => count === whole) || undefined;
  }, TIMEOUT_MS);
  if (!isRouted)
    throw new Error(`the servers of a cluster have ${routes.join(', ')} routes, expected ${whole} each`);
}

async function countRoutes(monitorUrl: string): Promise<number> {
  const response = await fetch(`${monitorUrl}/routez`);
  return ((await response.json()) as { num_routes: number }).num_routes;
}
