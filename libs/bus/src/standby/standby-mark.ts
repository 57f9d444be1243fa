import { RESTORE_STREAM } from '@errand/contracts';
import type { JetStreamManager } from '@nats-io/jetstream';
import { findStream } from '../connect/provision.ts';

/** What a standby remembers of itself, in the metadata of the stream for which starting services wait. */
export interface StandbyMark {
  readonly site: string;
  /** Once its promotion has begun: the last version of JOBS that it had. */
  readonly endedAt: number | undefined;
}

/** Undefined for a NATS that is no standby. */
export async function readStandby(jsm: JetStreamManager): Promise<StandbyMark | undefined> {
  const found = await findStream(jsm, RESTORE_STREAM);
  const { standby_of: site, ended_at: endedAt } = found?.config.metadata ?? {};
  if (site === undefined) return undefined;
  return { site, endedAt: endedAt === undefined ? undefined : Number(endedAt) };
}
