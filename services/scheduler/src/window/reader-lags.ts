import type { Bucket, Bus } from '@errand/bus';
import { type LogPosition, PROJECTION_READER, WEBHOOKS_READER } from '@errand/contracts';

/**
 * For how long the first event has been in the log that a reader has not taken, in milliseconds, by the reader's name. A
 * reader that has never run is not in it. It asks the log alone, so it tells of readers whose database or process is away.
 * @throws LogUnavailable
 */
export async function readLags(deps: {
  bus: { readonly jobs: Pick<Bus['jobs'], 'storedFrom'> };
  positions: Pick<Bucket<LogPosition>, 'get'>;
  /** Unix milliseconds by the clock of the log's server. */
  now: () => number;
}): Promise<Map<string, number>> {
  const lags = new Map<string, number>();
  for (const { name } of [PROJECTION_READER, WEBHOOKS_READER]) {
    const position = await deps.positions.get(name);
    if (!position) continue;
    const storedMs = await deps.bus.jobs.storedFrom(position.version + 1);
    lags.set(name, storedMs === undefined ? 0 : Math.max(0, deps.now() - storedMs));
  }
  return lags;
}
