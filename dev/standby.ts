/*
 * `errand mirror` and `errand promote`, as the package `@errand/server` has them: they speak to NATS itself, with the
 * settings of the services.
 */

import { provisionSettings } from '@errand/bootstrap';
import { type MirrorState, mirrorSite, promote as promoteStandby } from '@errand/bus';
import { type ConfigOf, parseConfig } from '@errand/runtime';

interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** One line for people. */
  readonly say: (line: string) => void;
}

/** Makes the NATS of NATS_URL the standby of a site, and says how its mirrors stand. */
export async function mirror(site: string, world: Surroundings): Promise<MirrorState[]> {
  const config = parseConfig(provisionSettings, world.env);
  return mirrorSite({ ...connectionOf('mirror', config, world), site, replicas: config.replicas });
}

/** Makes a standby the log of the system. Resolves with the site that it was the standby of. */
export async function promote(world: Surroundings): Promise<string> {
  const config = parseConfig(provisionSettings, world.env);
  return promoteStandby({ ...connectionOf('promote', config, world), topology: config, say: world.say });
}

function connectionOf(
  name: string,
  config: ConfigOf<typeof provisionSettings>,
  { signal, say }: Surroundings,
) {
  return {
    servers: config.natsUrl,
    access: config,
    name: `errand-${name}`,
    signal,
    onStatus: (status: string, detail: string) => say(`NATS: ${status} ${detail}`),
  };
}
