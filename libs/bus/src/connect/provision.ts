import { setTimeout as pause } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import {
  BUCKET_TTL_MS,
  BUCKETS,
  type ConsumerSpec,
  JOBS_STREAM,
  MIN_NATS_VERSION,
  RESTORE_STREAM,
  redriveConsumer,
  reservedBytes,
  streams,
  type TopologySettings,
} from '@errand/contracts';
import {
  AckPolicy,
  type JetStreamManager,
  type JetStreamManagerOptions,
  jetstream,
  jetstreamManager,
  type StreamConfig,
  type StreamInfo,
} from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { JS, jsCode, LogUnavailable, UnfitServer } from '../errors.ts';
import { withoutTrim } from '../log/trim-log.ts';
import { askPatiently } from './ask-patiently.ts';

/**
 * Makes the streams and the buckets match the topology, even if other processes do so at the same moment. With
 * `keepsExisting`, only those that are missing.
 * @throws UnfitServer for a server that is too old, is too small or does not keep to the configuration; LogUnavailable
 * while a backup is restored, and on a standby
 */
export async function provision(
  nc: NatsConnection,
  settings: TopologySettings,
  keepsExisting = false,
): Promise<void> {
  assertVersion(nc.info?.version ?? 'unknown');
  await refuseDuringRestore(nc);
  for (const stream of streams(settings)) {
    await provisionWithRoom(nc, stream, keepsExisting).catch((error) => {
      throw isShortOfRoom(error) ? tooSmall(settings, error) : error;
    });
  }
  for (const bucket of Object.values(BUCKETS)) {
    const ttl = BUCKET_TTL_MS[bucket];
    const config = { history: 1, replicas: settings.replicas, ...(ttl === undefined ? {} : { ttl }) };
    await askPatiently((options) => new Kvm(jetstream(nc, options)).create(bucket, { ...config }));
    if (!keepsExisting) await provisionCopies(nc, `KV_${bucket}`, settings.replicas);
  }
}

/** @throws UnfitServer where none of the streams is missing but one may not be looked at; LogUnavailable as `provision` does */
export async function findMissing(
  nc: NatsConnection,
  wanted: readonly string[],
  signal?: AbortSignal,
): Promise<string | undefined> {
  await refuseDuringRestore(nc, signal);
  for (const name of wanted) if (!(await find(nc, name, signal))) return name;
  return undefined;
}

/**
 * Whoever starts meanwhile would make streams that are about to be restored or promoted.
 * @throws LogUnavailable
 */
export async function refuseDuringRestore(nc: NatsConnection, signal?: AbortSignal): Promise<void> {
  const found = await find(nc, RESTORE_STREAM, signal);
  if (!found) return;
  const { standby_of: site } = found.config.metadata ?? {};
  throw new LogUnavailable(
    site === undefined
      ? 'a backup is being restored: errand restore goes on with it'
      : `this NATS is the standby of ${site}: errand promote makes it the system's own`,
  );
}

function find(nc: NatsConnection, stream: string, signal?: AbortSignal): Promise<StreamInfo | undefined> {
  return askPatiently(async (options) => findStream(await jetstreamManager(nc, options), stream), signal);
}

export async function findStream(jsm: JetStreamManager, stream: string): Promise<StreamInfo | undefined> {
  try {
    return await jsm.streams.info(stream);
  } catch (error) {
    if (jsCode(error) === JS.streamNotFound) return undefined;
    throw error;
  }
}

/** The client leaves a bucket that exists as it is. */
async function provisionCopies(nc: NatsConnection, stream: string, replicas: number): Promise<void> {
  await askPatiently(async (options) => {
    const jsm = await jetstreamManager(nc, options);
    const { config } = await jsm.streams.info(stream);
    if (config.num_replicas !== replicas) await jsm.streams.update(stream, { num_replicas: replicas });
  });
}

/** Makes a durable consumer of JOBS match its spec, and the one that redelivers what it could not read. */
export async function provisionConsumer(nc: NatsConnection, spec: ConsumerSpec): Promise<void> {
  await provisionDurable(nc, spec);
  await provisionRedrives(nc, spec.name);
}

/** Makes the durable consumer that redelivers what a consumer or a reader could not read. */
export function provisionRedrives(nc: NatsConnection, name: string, signal?: AbortSignal): Promise<void> {
  return provisionDurable(nc, redriveConsumer(name), signal);
}

async function provisionDurable(nc: NatsConnection, spec: ConsumerSpec, signal?: AbortSignal): Promise<void> {
  const config = {
    durable_name: spec.name,
    filter_subjects: [...spec.filterSubjects],
    ack_policy: AckPolicy.Explicit,
    ack_wait: spec.ackWaitMs * 1_000_000,
    max_ack_pending: spec.maxAckPending,
    max_deliver: -1,
  };
  await askPatiently(async (options) => {
    const jsm = await jetstreamManager(nc, options);
    try {
      return await jsm.consumers.add(spec.stream, { ...config });
    } catch (error) {
      // It exists with other settings, as of a process that was started with another lease: the newest ones count.
      if (jsCode(error) !== JS.consumerExists) throw error;
      return jsm.consumers.update(spec.stream, spec.name, { ...config });
    }
  }, signal);
}

function isShortOfRoom(error: unknown): boolean {
  const code = jsCode(error);
  return code === JS.storageExceeded || code === JS.accountLimitExceeded;
}

/** A server reserves what each stream may grow to, whatever is in it. */
function tooSmall(settings: TopologySettings, cause: unknown): UnfitServer {
  const bytes = reservedBytes(settings);
  return new UnfitServer(
    `NATS has no room for ${(bytes / 1e9).toFixed(1)} GB, the sum of all stream limits: give it a larger disk or ` +
      'max_file_store (by default three quarters of its free disk), or lower ERRAND_JOBS_MAX_BYTES, ' +
      'ERRAND_PAYLOADS_MAX_BYTES, ERRAND_DEAD_LETTERS_MAX_BYTES, ERRAND_JOB_LOGS_MAX_BYTES, ERRAND_CONFIG_MAX_BYTES or ERRAND_AUDIT_MAX_BYTES',
    { cause },
  );
}

/** @throws UnfitServer below MIN_NATS_VERSION: older servers silently drop the guard of an append. */
export function assertVersion(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [minMajor = 0, minMinor = 0] = MIN_NATS_VERSION.split('.').map(Number);
  if (major > minMajor || (major === minMajor && minor >= minMinor)) return;
  throw new UnfitServer(
    `nats-server ${version} is older than ${MIN_NATS_VERSION}: it would not enforce the guard that limits a ` +
      'job to one ending. Upgrade the server.',
  );
}

const ROOM_TRIES = 4;
const ROOM_PAUSE_MS = 200;

/** While several processes create a stream at once, its room is briefly counted more than once. */
async function provisionWithRoom(
  nc: NatsConnection,
  wanted: ReturnType<typeof streams>[number],
  keepsExisting: boolean,
): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await provisionStream(nc, wanted, keepsExisting);
    } catch (error) {
      if (!isShortOfRoom(error) || tries === ROOM_TRIES) throw error;
      await pause(ROOM_PAUSE_MS);
    }
  }
}

async function provisionStream(
  nc: NatsConnection,
  wanted: ReturnType<typeof streams>[number],
  keepsExisting: boolean,
): Promise<void> {
  // Copied, since the client writes into what it is given.
  const config = structuredClone(wanted) as unknown as Partial<StreamConfig> & { name: string };
  const stored = await askPatiently((options) => addStream(nc, options, config));
  const differing = Object.entries(config).filter(
    ([key, value]) => !isDeepStrictEqual(stored[key as keyof StreamConfig], value),
  );
  if (differing.length === 0 || keepsExisting) return;
  const updated = await askPatiently(async (options) => {
    const jsm = await jetstreamManager(nc, options);
    return jsm.streams.update(wanted.name, { ...withoutTrim(stored), ...config });
  });
  for (const [key, value] of differing) {
    const echoed = updated.config[key as keyof StreamConfig];
    if (isDeepStrictEqual(echoed, value)) continue;
    throw new UnfitServer(`the server keeps ${key} of ${wanted.name} at ${echoed}, but ${value} is needed`);
  }
}

/** No log is expected to store this many events a second, so no version recurs in the log made after its loss. */
export const MAX_EVENTS_PER_S = 100_000;

/**
 * Versions of a new log begin above those of any earlier log, so that no version and no feed cursor is ambiguous. They
 * have 15 digits until the year 2286.
 */
export function firstVersion(): number {
  return Math.floor(Date.now() / 1_000) * MAX_EVENTS_PER_S;
}

async function addStream(
  nc: NatsConnection,
  options: JetStreamManagerOptions,
  config: Partial<StreamConfig> & { name: string },
): Promise<StreamConfig> {
  const jsm = await jetstreamManager(nc, options);
  try {
    return (
      await jsm.streams.add(config.name === JOBS_STREAM ? { ...config, first_seq: firstVersion() } : config)
    ).config;
  } catch (error) {
    // The server checks for room before it checks whether the stream exists.
    if (jsCode(error) !== JS.streamNameInUse && !isShortOfRoom(error)) throw error;
    const stored = await jsm.streams.info(config.name).catch(() => {
      throw error;
    });
    return stored.config;
  }
}
