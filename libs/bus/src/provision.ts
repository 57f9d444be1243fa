import { isDeepStrictEqual } from 'node:util';
import {
  BUCKET_TTL_MS,
  BUCKETS,
  type ConsumerSpec,
  MIN_NATS_VERSION,
  redriveConsumer,
  streams,
  type TopologySettings,
} from '@errand/contracts';
import {
  AckPolicy,
  type JetStreamManagerOptions,
  jetstream,
  jetstreamManager,
  type StreamConfig,
} from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { askPatiently } from './ask-patiently.ts';
import { JS, jsCode, UnfitServer } from './errors.ts';

/**
 * Makes the streams and the buckets what the topology says, whoever else is doing so at the same moment.
 * @throws UnfitServer for a server that is too old or does not keep to the configuration.
 */
export async function provision(nc: NatsConnection, settings: TopologySettings): Promise<void> {
  assertVersion(nc.info?.version ?? 'unknown');
  for (const stream of streams(settings)) await provisionStream(nc, stream);
  for (const bucket of Object.values(BUCKETS)) {
    const ttl = BUCKET_TTL_MS[bucket];
    const config = { history: 1, replicas: settings.replicas, ...(ttl === undefined ? {} : { ttl }) };
    await askPatiently((options) => new Kvm(jetstream(nc, options)).create(bucket, { ...config }));
  }
}

/** Makes a durable consumer of JOBS what its spec says, and the one that brings back what it could not read. */
export async function provisionConsumer(nc: NatsConnection, spec: ConsumerSpec): Promise<void> {
  for (const each of [spec, redriveConsumer(spec.name)]) {
    const config = {
      durable_name: each.name,
      filter_subjects: [...each.filterSubjects],
      ack_policy: AckPolicy.Explicit,
      ack_wait: each.ackWaitMs * 1_000_000,
      max_ack_pending: each.maxAckPending,
      max_deliver: -1,
    };
    await askPatiently(async (options) => {
      const jsm = await jetstreamManager(nc, options);
      try {
        // The same durable may be created again, so racing processes agree.
        return await jsm.consumers.add(each.stream, { ...config });
      } catch (error) {
        if (jsCode(error) !== JS.consumerExists) throw error;
        // With other settings, such as another lease.
        return await jsm.consumers.update(each.stream, each.name, { ...config });
      }
    });
  }
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

async function provisionStream(
  nc: NatsConnection,
  wanted: ReturnType<typeof streams>[number],
): Promise<void> {
  // Copied, since the client writes into what it is given.
  const config = structuredClone(wanted) as unknown as Partial<StreamConfig> & { name: string };
  const stored = await askPatiently((options) => addStream(nc, options, config));
  const differing = Object.entries(config).filter(
    ([key, value]) => !isDeepStrictEqual(stored[key as keyof StreamConfig], value),
  );
  if (differing.length === 0) return;
  const updated = await askPatiently(async (options) => {
    const jsm = await jetstreamManager(nc, options);
    return jsm.streams.update(wanted.name, { ...stored, ...config });
  });
  for (const [key, value] of differing) {
    const echoed = updated.config[key as keyof StreamConfig];
    if (isDeepStrictEqual(echoed, value)) continue;
    throw new UnfitServer(`the server keeps ${key} of ${wanted.name} at ${echoed}, but ${value} is needed`);
  }
}

async function addStream(
  nc: NatsConnection,
  options: JetStreamManagerOptions,
  config: Partial<StreamConfig> & { name: string },
): Promise<StreamConfig> {
  const jsm = await jetstreamManager(nc, options);
  try {
    return (await jsm.streams.add(config)).config;
  } catch (error) {
    if (jsCode(error) !== JS.streamNameInUse) throw error;
    return (await jsm.streams.info(config.name)).config;
  }
}
