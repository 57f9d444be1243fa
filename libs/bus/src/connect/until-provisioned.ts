import { setTimeout as pause } from 'node:timers/promises';
import {
  neededStreams,
  PROJECTION_READER,
  STREAM_NAMES,
  type TopologySettings,
  WEBHOOKS_READER,
} from '@errand/contracts';
import type { NatsConnection } from '@nats-io/transport-node';
import { isForbidden, LogUnavailable, UnfitServer } from '../errors.ts';
import { type ConnectOptions, connectBus } from './connect.ts';
import { findMissing, provision, provisionRedrives } from './provision.ts';

/** How a service gets the streams and buckets that it needs. */
export interface ProvisionOptions extends Pick<ConnectOptions, 'role' | 'signal' | 'onStatus'> {
  topology: TopologySettings;
  /** Leaves streams and buckets that exist as they are. */
  keepsExisting?: boolean;
  /** False: makes nothing, and waits for what the role needs. */
  provisions?: boolean;
}

const PAUSE_MS = 500;

/**
 * Resolves once all that a service needs is there. A cluster that is still electing refuses the first calls, so they are
 * repeated until it answers; each reason to wait is reported.
 * @throws UnfitServer
 */
export async function untilProvisioned(nc: NatsConnection, options: ProvisionOptions): Promise<void> {
  const { topology, keepsExisting, provisions = true, role, signal } = options;
  await patiently(nc, options, async () => {
    if (provisions) return provision(nc, topology, keepsExisting);
    const missing = await findMissing(nc, role === undefined ? STREAM_NAMES : neededStreams(role), signal);
    if (missing !== undefined) throw new Error(`there is no ${missing}: \`errand provision\` makes it`);
  });
}

/**
 * Makes all that services need and that can be made before they run, and changes it to the settings.
 * @throws UnfitServer
 */
export async function provisionServer(
  options: Omit<ConnectOptions, 'role'> & { topology: TopologySettings },
): Promise<void> {
  const { nc } = await connectBus({ ...options, role: 'provision' });
  try {
    await patiently(nc, options, async () => {
      await provision(nc, options.topology);
      for (const { name } of [PROJECTION_READER, WEBHOOKS_READER]) await provisionRedrives(nc, name);
    });
  } finally {
    await nc.close();
  }
}

async function patiently(
  nc: NatsConnection,
  { signal, onStatus }: Pick<ConnectOptions, 'signal' | 'onStatus'>,
  attempt: () => Promise<void>,
): Promise<void> {
  let told: string | undefined;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (isForbidden(error)) {
        const advice = 'see docs/nats-users.md, and ERRAND_PROVISION for users that may make no streams';
        throw new UnfitServer(`${reason}: ${advice}`, { cause: error });
      }
      if (error instanceof UnfitServer || nc.isClosed()) throw error;
      if (signal?.aborted) throw new LogUnavailable('stopped while provisioning', { cause: error });
      if (reason !== told) onStatus?.('error', `provisioning: ${reason}`);
      told = reason;
      await pause(PAUSE_MS);
    }
  }
}
