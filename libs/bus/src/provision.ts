import {
  ACK_WAIT_MS,
  BUCKETS,
  type ConsumerSpec,
  JOBS_STREAM,
  jobsStream,
  MIN_NATS_VERSION,
  type TopologySettings,
} from '@errand/contracts';
import { AckPolicy, type JetStreamManager, jetstreamManager, type StreamConfig } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { JS, jsCode, UnfitServer } from './errors.ts';

/** A wide consumer over a long stream takes the server longer to make than the client's usual patience. */
const API_TIMEOUT_MS = 30_000;

/**
 * Makes the stream and the buckets what the topology says, whoever else is doing so at the same moment.
 * @throws UnfitServer for a server that is too old or does not keep to the configuration.
 */
export async function provision(nc: NatsConnection, settings: TopologySettings): Promise<void> {
  assertVersion(nc.info?.version ?? 'unknown');
  const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: API_TIMEOUT_MS });
  await provisionStream(jsm, jobsStream(settings));
  const kvm = new Kvm(nc);
  for (const bucket of Object.values(BUCKETS)) {
    await kvm.create(bucket, { history: 1, replicas: settings.replicas });
  }
}

/** Makes one durable consumer of JOBS what its spec says. */
export async function provisionConsumer(nc: NatsConnection, spec: ConsumerSpec): Promise<void> {
  const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: API_TIMEOUT_MS });
  // The server treats a repeated creation of the same durable as an update, so racing processes agree.
  await jsm.consumers.add(JOBS_STREAM, {
    durable_name: spec.name,
    filter_subjects: [...spec.filterSubjects],
    ack_policy: AckPolicy.Explicit,
    ack_wait: ACK_WAIT_MS * 1_000_000,
    max_ack_pending: spec.maxAckPending,
    max_deliver: -1,
  });
}

/** @throws UnfitServer below MIN_NATS_VERSION: older servers drop the guard of an append without a word. */
export function assertVersion(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [minMajor = 0, minMinor = 0] = MIN_NATS_VERSION.split('.').map(Number);
  if (major > minMajor || (major === minMajor && minor >= minMinor)) return;
  throw new UnfitServer(
    `nats-server ${version} is older than ${MIN_NATS_VERSION}: it would not enforce the guard that keeps a job ` +
      'to one ending. Upgrade the server.',
  );
}

async function provisionStream(jsm: JetStreamManager, wanted: ReturnType<typeof jobsStream>): Promise<void> {
  const config = { ...wanted, subjects: [...wanted.subjects] } as Partial<StreamConfig> & { name: string };
  const stored = await addStream(jsm, config);
  const differing = Object.entries(config).filter(
    ([key, value]) => JSON.stringify(stored[key as keyof StreamConfig]) !== JSON.stringify(value),
  );
  if (differing.length === 0) return;
  const updated = await jsm.streams.update(JOBS_STREAM, { ...stored, ...config });
  for (const [key, value] of differing) {
    const echoed = updated.config[key as keyof StreamConfig];
    if (JSON.stringify(echoed) !== JSON.stringify(value)) {
      throw new UnfitServer(`the server keeps ${key} of ${JOBS_STREAM} at ${echoed}, but ${value} is needed`);
    }
  }
}

async function addStream(
  jsm: JetStreamManager,
  config: Partial<StreamConfig> & { name: string },
): Promise<StreamConfig> {
  try {
    return (await jsm.streams.add(config)).config;
  } catch (error) {
    if (jsCode(error) !== JS.streamNameInUse) throw error;
    return (await jsm.streams.info(JOBS_STREAM)).config;
  }
}
