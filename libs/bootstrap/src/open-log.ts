import { type Bus, openBus } from '@errand/bus';
import type { NatsRole, TopologySettings } from '@errand/contracts';
import type { ServiceContext } from '@errand/runtime';

export type LogConfig = TopologySettings &
  NonNullable<Parameters<typeof openBus>[0]['access']> & { natsUrl: string; provisions: boolean };

/** A service's connection to the log. The process fails when the log is no longer the one that it began with. */
export function openLog(
  service: NatsRole,
  config: LogConfig,
  context: Pick<ServiceContext, 'log' | 'fail' | 'signal'> & {
    ackTimeoutMs?: number;
    /** Leaves streams and buckets that exist as they are. */
    keepsExisting?: boolean;
  },
): Promise<Bus> {
  const { log, fail, signal, ackTimeoutMs, keepsExisting = false } = context;
  return openBus({
    servers: config.natsUrl,
    access: config,
    name: `errand-${service}`,
    role: service,
    provisions: config.provisions,
    topology: config,
    keepsExisting,
    signal,
    onStatus: (status, detail) => log.warn({ status, detail }, 'nats_connection'),
    onReplaced: fail,
    ...(ackTimeoutMs === undefined ? {} : { ackTimeoutMs }),
  });
}
