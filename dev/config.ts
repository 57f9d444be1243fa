import { integer, text } from '@errand/runtime';

const dataDir = text({
  env: 'ERRAND_DATA_DIR',
  description: 'Folder for all data of a local system; relative to the current directory',
  default: '.errand',
});

/** What a local system reads, in addition to what is given to it. */
export const localSettings = {
  dataDir,
  port: integer({
    env: 'ERRAND_PORT',
    description: 'Port of the HTTP API; 0 takes a free one',
    unit: 'port',
    default: 8080,
    min: 0,
    max: 65_535,
  }),
};

/** Servers that somebody else provides, and that are neither started nor created here. */
export interface Given {
  natsUrl: string | undefined;
  postgresUrl: string | undefined;
  adminKey: string | undefined;
  secretKey: string | undefined;
}

/** Empty means absent. */
export function givenBy(env: NodeJS.ProcessEnv): Given {
  return {
    natsUrl: env.NATS_URL || undefined,
    postgresUrl: env.DATABASE_URL || undefined,
    adminKey: env.ERRAND_ADMIN_KEY || undefined,
    secretKey: env.ERRAND_SECRET_KEY || undefined,
  };
}

/** What `npm run demo` reads. */
export const demoSettings = {
  dataDir,
  receiverHost: text({
    env: 'ERRAND_DEMO_RECEIVER_HOST',
    description: "Address of this machine that the demo's receiver listens on, and host in webhook URLs",
    default: '127.0.0.1',
  }),
};

/** What `npm run demo` reads as well when `ERRAND_URL` is set, to talk to a system that `npm start` did not start. */
export const demoTargetSettings = {
  url: text({ env: 'ERRAND_URL', description: 'Base URL of the gateway; overrides that of `npm start`' }),
  apiKey: text({ env: 'ERRAND_API_KEY', description: 'API key, required with ERRAND_URL' }),
  tenantId: text({ env: 'ERRAND_TENANT', description: "The key's tenant", default: 'local' }),
};

/** What the executor is told of its actions. `follows`: it reloads them as they are written, and tolerates unfinished ones. */
export function actionEnv(
  env: NodeJS.ProcessEnv,
  { places, follows }: { places: readonly string[]; follows: boolean },
): Record<string, string> {
  const named = { ERRAND_ACTIONS: env.ERRAND_ACTIONS || places.join(',') };
  if (!follows) return named;
  return {
    ...named,
    ERRAND_ACTIONS_WATCH_MS: env.ERRAND_ACTIONS_WATCH_MS || '250',
    ERRAND_ACTIONS_TOLERATE_BROKEN: 'true',
  };
}
