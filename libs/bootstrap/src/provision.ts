import { provisionServer } from '@errand/bus';
import { BUS_SETTINGS, type ConfigOf } from '@errand/runtime';

const { provisions: _, maxClockOffMs: __, ...needed } = BUS_SETTINGS;

/** What `errand provision` reads. */
export const provisionSettings = needed;

/**
 * Makes the streams, the buckets and the consumers that services need, or changes them to the settings, as NATS's user
 * `provision`. `say` is told why it waits.
 * @throws UnfitServer
 */
export function provisionLog(
  config: ConfigOf<typeof provisionSettings>,
  say: (line: string) => void,
): Promise<void> {
  return provisionServer({
    servers: config.natsUrl,
    access: config,
    name: 'errand-provision',
    topology: config,
    onStatus: (status, detail) => say(`${status}: ${detail}`),
  });
}
