import { type HoldingProxy, startHoldingProxy } from './holding-proxy.ts';

/**
 * A proxy to a local Postgres. A frame is what comes at once: of the client a statement with its values, unless they are
 * too many for one packet; of the server its answer.
 */
export function startPostgresProxy(serverUrl: string): Promise<HoldingProxy> {
  return startHoldingProxy(serverUrl, (from, onFrame) => from.on('data', onFrame));
}
