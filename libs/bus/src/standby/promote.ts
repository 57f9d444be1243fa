import {
  AUDIT_STREAM,
  BUCKETS,
  backupOrder,
  bucketStream,
  JOBS_STREAM,
  RESTORE_STREAM,
  streams,
  type TopologySettings,
} from '@errand/contracts';
import {
  type JetStreamManager,
  jetstreamManager,
  type StreamConfig,
  type StreamInfo,
} from '@nats-io/jetstream';
import { goOn } from '../backup/go-on.ts';
import { type ConnectOptions, connectBus } from '../connect/connect.ts';
import { assertVersion, findStream } from '../connect/provision.ts';
import { UnfitServer } from '../errors.ts';
import { readStandby } from './standby-mark.ts';

export interface PromoteOptions extends ConnectOptions {
  readonly topology: TopologySettings;
  /** One line for people. */
  readonly say: (line: string) => void;
}

const ASK_MS = 10_000;
const HOUR_MS = 3_600_000;

/**
 * Makes a standby the log of the system, after its site was lost. Goes on with a promotion that was interrupted. The site
 * must be gone, or its services stopped.
 *
 * Each mirror is of another moment, and callers may know versions that none of them has. So JOBS goes on as after a
 * restore: at a version beyond all that there were, and the scheduler brings back what has not ended, as AUDIT has it.
 * Resolves with the site's name.
 * @throws UnfitServer, LogUnavailable
 */
export async function promote(options: PromoteOptions): Promise<string> {
  const { topology, say } = options;
  const { nc } = await connectBus(options);
  try {
    assertVersion(nc.info?.version ?? 'unknown');
    const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: ASK_MS });
    const { site, lastVersion } = await begin(jsm);
    for (const stream of backupOrder()) {
      const found = await findStream(jsm, stream);
      if (!found?.config.mirror) continue;
      await jsm.streams.update(stream, promoted(found.config, topology));
      say(`${stream}  ${found.state.messages} messages${lastOf(found)}`);
    }
    await goOn(nc, jsm, {
      jobs: wantedOf(JOBS_STREAM, topology) as StreamInfo['config'],
      audit: wantedOf(AUDIT_STREAM, topology) ?? {},
      lastVersion,
      // Whatever has not ended began later than that.
      neededFrom: { version: 1, storedMs: Date.now() - topology.jobsMaxAgeHours * HOUR_MS },
    });
    await jsm.streams.delete(RESTORE_STREAM);
    return site;
  } finally {
    await nc.close();
  }
}

async function begin(jsm: JetStreamManager): Promise<{ site: string; lastVersion: number }> {
  const mark = await readStandby(jsm);
  if (!mark) throw new UnfitServer('this NATS is no standby: errand mirror makes it one');
  const { site, endedAt } = mark;
  if (endedAt !== undefined) return { site, lastVersion: endedAt };
  const missing = (await Promise.all([JOBS_STREAM, AUDIT_STREAM].map((name) => findStream(jsm, name)))).some(
    (info) => info === undefined,
  );
  if (missing)
    throw new UnfitServer(`this standby has never had a mirror of ${JOBS_STREAM} and ${AUDIT_STREAM}`);
  const { state } = await jsm.streams.info(JOBS_STREAM);
  const metadata = { standby_of: site, ended_at: String(state.last_seq) };
  await jsm.streams.update(RESTORE_STREAM, { metadata });
  return { site, lastVersion: state.last_seq };
}

/** A mirror's configuration as that of the stream that it becomes. AUDIT gets its source later. */
function promoted({ name, ...mirror }: StreamConfig, topology: TopologySettings): Partial<StreamConfig> {
  const bucket = Object.values(BUCKETS).find((each) => bucketStream(each) === name);
  const own = bucket === undefined ? wantedOf(name, topology) : { subjects: [`$KV.${bucket}.>`] };
  return {
    ...mirror,
    ...own,
    mirror: undefined,
    sources: undefined,
    num_replicas: topology.replicas,
  } as never;
}

function wantedOf(wanted: string, topology: TopologySettings): Partial<StreamConfig> | undefined {
  return streams(topology).find(({ name }) => name === wanted) as Partial<StreamConfig> | undefined;
}

function lastOf({ state }: StreamInfo): string {
  return state.messages === 0 ? '' : `, the last of ${new Date(state.last_ts).toISOString()}`;
}
