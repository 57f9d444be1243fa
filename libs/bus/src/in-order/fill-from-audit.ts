import { PositionBeyondLog } from '../errors.ts';
import type { LogReads, OrderedReadOptions } from './options.ts';
import { persist } from './persist.ts';
import type { Taker } from './taker.ts';

const AUDIT_PAGE = 1_000;

/**
 * Takes what the log holds no more, up to its first event. Resolves with the version from which on to read the log;
 * undefined once the turn is over.
 */
export async function fillFromAudit(
  reads: LogReads,
  version: number,
  taker: Taker,
  options: OrderedReadOptions,
): Promise<number | undefined> {
  const { reader, signal, sinceMs } = options;
  let place = version;
  for (;;) {
    const reach = await persist(() => reads.jobs.reach(), options);
    if (!reach) return undefined;
    if (place > Math.max(reach.lastVersion, reach.beganAt - 1)) {
      throw new PositionBeyondLog(
        `the database has read up to ${place}, and the log ends at ${reach.lastVersion}`,
      );
    }
    const firstVersion = reach.firstVersion ?? reach.lastVersion + 1;
    if (place + 1 >= firstVersion) return place;
    const afterPosition = Math.max(
      await reads.audit.positionBefore(place + 1),
      await reads.audit.positionAt(sinceMs()),
    );
    const query = { types: reader.types, afterPosition, pageSize: AUDIT_PAGE };
    for await (const { entries } of reads.audit.read(query)) {
      if (signal.aborted) return undefined;
      const missing = entries.filter((entry) => entry.version > place && entry.version < firstVersion);
      const to = missing.at(-1)?.version;
      if (to === undefined) break;
      // What cannot be read was parked when it was read for the first time.
      const events = missing.flatMap(({ decoded }) => (decoded.kind === 'event' ? [decoded.recorded] : []));
      if (!(await taker.take(events, { from: place, to }))) return undefined;
      place = to;
    }
    if (!(await taker.take([], { from: place, to: firstVersion - 1 }))) return undefined;
    place = firstVersion - 1;
  }
}
