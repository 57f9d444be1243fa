import { backupOrder, JOBS_STREAM, RESTORE_STREAM, STANDBY_JOBS_MS, siteApi } from '@errand/contracts';
import {
  DiscardPolicy,
  type JetStreamManager,
  jetstreamManager,
  type StreamConfig,
  type StreamInfo,
} from '@nats-io/jetstream';
import { type ConnectOptions, connectBus } from '../connect/connect.ts';
import { assertVersion, findStream } from '../connect/provision.ts';
import { LogUnavailable, UnfitServer } from '../errors.ts';
import { readStandby } from './standby-mark.ts';

export interface MirrorOptions extends ConnectOptions {
  /** The name under which this NATS reaches the JetStream of the site; see `siteApi`. */
  readonly site: string;
  /** Copies of each mirror. */
  readonly replicas: number;
}

/** How a mirror stands. */
export interface MirrorState {
  readonly stream: string;
  readonly messages: number;
  /** How many messages of the site are still to come, as far as it is known here. */
  readonly behind: number;
  /** For how long nothing has been heard of the site, in milliseconds; undefined: nothing ever. */
  readonly silentMs: number | undefined;
}

const ASK_MS = 10_000;
const MS_NS = 1_000_000;

/**
 * Makes a NATS the standby of a site: mirrors of all streams that a backup would have. Those that are there are left as they
 * are. Services that are started against it wait until it is promoted.
 * @throws UnfitServer, LogUnavailable
 */
export async function mirrorSite(options: MirrorOptions): Promise<MirrorState[]> {
  const { site } = options;
  const { nc } = await connectBus(options);
  try {
    assertVersion(nc.info?.version ?? 'unknown');
    const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: ASK_MS });
    const origin = await jetstreamManager(nc, {
      checkAPI: false,
      timeout: ASK_MS,
      apiPrefix: siteApi(site),
    });
    const found = await Promise.all(backupOrder().map((stream) => findStream(jsm, stream)));
    const own = found.flatMap((info) => (info && !isMirrorOf(info, site) ? [info.config.name] : []));
    if (own.length > 0) throw new UnfitServer(`this NATS has streams of its own: ${own.join(', ')}`);
    const originals: (StreamInfo | undefined)[] = [];
    for (const [index, stream] of backupOrder().entries())
      originals[index] = found[index] ? undefined : await infoAt(origin, site, stream);
    if (![...found, ...originals].some(Boolean)) {
      throw new UnfitServer(`${site} has no streams yet: its services have to be started once`);
    }
    // Not before there is something to mirror: services wait for what is marked, and nothing could be promoted.
    await markStandby(jsm, options);
    const states: MirrorState[] = [];
    for (const [index, original] of originals.entries()) {
      const mirror = original ? await jsm.streams.add(mirrorOf(original.config, options)) : found[index];
      if (mirror) states.push(stateOf(mirror));
    }
    return states;
  } finally {
    await nc.close();
  }
}

/** What a mirror may not have comes back when it is promoted. */
function mirrorOf(
  { subjects: _, sources: __, republish: ___, first_seq: ____, ...config }: StreamConfig,
  { site, replicas }: MirrorOptions,
): Partial<StreamConfig> & { name: string } {
  const { name, max_age } = config;
  return {
    ...config,
    num_replicas: replicas,
    allow_atomic: false,
    // A full one must go on.
    discard: DiscardPolicy.Old,
    // Trims of the site are its own.
    metadata: {},
    max_age: name === JOBS_STREAM ? STANDBY_JOBS_MS * MS_NS : max_age,
    mirror: { name, external: { api: siteApi(site), deliver: '' } },
  };
}

function isMirrorOf({ config }: StreamInfo, site: string): boolean {
  return config.mirror?.external?.api === siteApi(site);
}

async function markStandby(jsm: JetStreamManager, { site, replicas }: MirrorOptions): Promise<void> {
  const mark = await readStandby(jsm);
  if (mark === undefined) {
    if (await findStream(jsm, RESTORE_STREAM)) throw new UnfitServer('a backup is being restored here');
    await jsm.streams.add({ name: RESTORE_STREAM, num_replicas: replicas, metadata: { standby_of: site } });
  } else if (mark.endedAt !== undefined) {
    throw new UnfitServer('this NATS is being promoted: errand promote goes on with it');
  }
}

async function infoAt(
  origin: JetStreamManager,
  site: string,
  stream: string,
): Promise<StreamInfo | undefined> {
  try {
    return await findStream(origin, stream);
  } catch (error) {
    // What the client makes of a request that nobody takes.
    if (!(error instanceof Error && error.name === 'JetStreamNotEnabled')) throw error;
    throw new LogUnavailable(`nobody answers for ${site}: see its leaf connection and its mappings`, {
      cause: error,
    });
  }
}

function stateOf({ config, state, mirror }: StreamInfo): MirrorState {
  const { lag = 0, active = -1 } = mirror ?? {};
  return {
    stream: config.name,
    messages: state.messages,
    behind: lag,
    silentMs: active < 0 ? undefined : active / MS_NS,
  };
}
