import { ownEnv } from '@errand/local-servers';
import { givenBy } from './config.ts';
import type { DataFolder } from './data/data-folder.ts';
import { indent } from './data/log-tail.ts';
import type { Crew } from './process/crew.ts';
import { isWrongConfiguration, type ServiceProcess, startService } from './process/service-process.ts';
import type { Say } from './tell/progress.ts';

/**
 * The hosts that the local gateway answers to, unless the shell says otherwise: not names that pages may have chosen.
 */
const LOCAL_HOSTS = 'localhost,127.0.0.1,[::1]';

export const SERVICES = ['gateway', 'scheduler', 'executor', 'projection', 'webhooks'] as const;
export type ServiceName = (typeof SERVICES)[number];

/** What all services of one local system need to know. */
export interface ServiceFacts {
  natsUrl: string;
  /** The same with a user for each service, if NATS has them. */
  natsUrlOf?: (name: ServiceName) => string;
  postgresUrl: string;
  adminKey: string;
  secretKey: string;
  ports: Record<ServiceName, number>;
  /** What the executor is told about its actions, in addition to its own environment. */
  actionEnv?: Record<string, string>;
  /** How large the log may grow, and who makes it; nothing for somebody else's. */
  logEnv?: Record<string, string>;
}

/** Which services need which key. Actions can read the executor's environment, so it has none of these but those of workers. */
const READERS: Readonly<Record<string, readonly ServiceName[]>> = {
  DATABASE_URL: ['gateway', 'projection', 'webhooks'],
  ERRAND_ADMIN_KEY: ['gateway'],
  ERRAND_OTHER_ADMIN_KEYS: ['gateway'],
  ERRAND_SECRET_KEY: ['gateway', 'webhooks'],
  ERRAND_OTHER_SECRET_KEYS: ['gateway', 'webhooks'],
  ERRAND_WORKER_KEYS: ['executor'],
  ERRAND_OIDC_CLIENT_SECRET: ['gateway'],
};

/** An environment without the keys that a service does not need. */
export function onlyOwnKeys<T extends NodeJS.ProcessEnv>(name: ServiceName, env: T): T {
  const own = Object.entries(env).filter(
    ([variable]) => READERS[variable.replace(/_FILE$/, '')]?.includes(name) ?? true,
  );
  return Object.fromEntries(own) as T;
}

/** A local gateway has one port for everything, whatever the shell says. */
const LOCAL_GATEWAY = { ERRAND_OPS_PORT: 'none', ERRAND_ADMIN_ON_OPS_PORT: 'false' };

/** The environment of one service. Webhooks may go to receivers on this machine, which have no TLS. */
export function serviceEnv(name: ServiceName, facts: ServiceFacts): Record<string, string> {
  return onlyOwnKeys(name, {
    NATS_URL: facts.natsUrlOf?.(name) ?? facts.natsUrl,
    DATABASE_URL: facts.postgresUrl,
    ERRAND_ADMIN_KEY: facts.adminKey,
    ERRAND_SECRET_KEY: facts.secretKey,
    ERRAND_HOST: '127.0.0.1',
    ERRAND_PORT: String(facts.ports.gateway),
    ERRAND_OPS_PORT: String(facts.ports[name]),
    ERRAND_PUBLIC_URL: gatewayUrl(facts.ports),
    ERRAND_WEBHOOKS_ALLOW_HTTP: 'true',
    ERRAND_WEBHOOKS_ALLOW_CIDRS: '127.0.0.0/8,::1/128',
    ERRAND_WEBHOOKS_DNS: 'system',
    ...facts.logEnv,
    ...(name === 'executor' ? facts.actionEnv : {}),
    ...(name === 'gateway' ? LOCAL_GATEWAY : {}),
  });
}

/**
 * The part of the shell's environment that a service gets. If NATS is somebody else's, its variables are meant for all.
 * If Postgres is, its variables are meant for all but the executor, which opens no database; else the executor keeps
 * them, since its actions may read them.
 */
export function inheritedEnv(name: ServiceName, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const given = givenBy(env);
  const isPostgresGiven = given.postgresUrl !== undefined;
  const own = ownEnv(env, [
    ...(isPostgresGiven === (name !== 'executor') ? (['PG'] as const) : []),
    ...(given.natsUrl === undefined ? [] : (['NATS_'] as const)),
  ]);
  return onlyOwnKeys(name, own);
}

/** The whole environment of a service's process. */
export function processEnv(name: ServiceName, facts: ServiceFacts, shell: NodeJS.ProcessEnv) {
  return {
    ERRAND_ALLOWED_HOSTS: LOCAL_HOSTS,
    ...inheritedEnv(name, shell),
    ...serviceEnv(name, facts),
  };
}

export function gatewayUrl(ports: { gateway: number }): string {
  return `http://127.0.0.1:${ports.gateway}`;
}

/**
 * Starts each service as its own process and keeps it running. One that refuses its configuration is not restarted:
 * `onRefused` gets its message.
 */
export async function startServices(options: {
  folder: DataFolder;
  facts: ServiceFacts;
  mainFileOf: (name: ServiceName) => string;
  crew: Crew;
  say: Say;
  onRefused: (reason: string) => void;
}): Promise<void> {
  const { folder, facts, mainFileOf, crew, say, onRefused } = options;
  const starts = SERVICES.map((name) => {
    let latest: ServiceProcess | undefined;
    return crew.add('service', {
      name,
      say,
      async start() {
        latest = await startService({
          mainFile: mainFileOf(name),
          env: processEnv(name, facts, process.env),
          logFile: folder.logFile(name),
        });
        return latest;
      },
      isFinal: isWrongConfiguration,
      async onGivenUp() {
        const words = (await latest?.logged()) ?? '';
        onRefused(`${name} rejected its configuration:\n${indent(words.trimEnd())}`);
      },
    });
  });
  await Promise.all(starts);
}
