import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { provisionLog, provisionSettings } from '@errand/bootstrap';
import { freePort } from '@errand/local-servers';
import { parseConfig } from '@errand/runtime';
import { natsUrlOf } from '@errand/testkit';
import { sourceMainFile } from '../../dev/repository.ts';
import { SERVICES, type ServiceName, serviceEnv } from '../../dev/services.ts';
import { LEASE_MS } from './forms.ts';
import { type Member, startMember } from './member.ts';

/** All services of one system, some of them twice, each in its own process. */
export interface Fleet extends AsyncDisposable {
  /** Base of the gateway's API. */
  readonly url: string;
  readonly adminKey: string;
  readonly members: readonly Member[];
  /** Resolves when every process reports that it can do its work. */
  ready(): Promise<void>;
}

/** The executor that runs the fault actions. */
const EXECUTOR_FILE = fileURLToPath(new URL('./executor-process.ts', import.meta.url));
const WORKER_FILE = fileURLToPath(new URL('./worker-process.ts', import.meta.url));

const COUNTS: Record<ServiceName, number> = {
  gateway: 1,
  scheduler: 2,
  executor: 3,
  projection: 2,
  webhooks: 1,
};

/** Starts the services, each as its own user of NATS; their output goes to files in `dir`. Rejects when one does not get ready. */
export async function startFleet(options: {
  natsUrl: string;
  databaseUrl: string;
  replicas: number;
  dir: string;
}): Promise<Fleet> {
  const adminKey = randomBytes(24).toString('base64url');
  const secretKey = randomBytes(32).toString('base64');
  const gatewayPort = await freePort();
  // Each member listens to the end of this process.
  process.setMaxListeners(0);
  const workersPort = await freePort();
  const workerKey = randomBytes(24).toString('base64url');
  const members: Member[] = [];
  const provisioning = {
    NATS_URL: natsUrlOf(options.natsUrl, 'provision'),
    ERRAND_REPLICAS: String(options.replicas),
  };
  await provisionLog(parseConfig(provisionSettings, provisioning), () => {});
  for (const service of SERVICES) {
    for (let copy = 1; copy <= COUNTS[service]; copy++) {
      // The last executor has its attempts run by remote workers.
      const isRemote = service === 'executor' && copy === COUNTS.executor;
      const port = service === 'gateway' ? gatewayPort : await freePort();
      const ports = {
        gateway: gatewayPort,
        scheduler: port,
        executor: port,
        projection: port,
        webhooks: port,
      };
      const facts = {
        natsUrl: options.natsUrl,
        natsUrlOf: (name: ServiceName) => natsUrlOf(options.natsUrl, name),
        postgresUrl: options.databaseUrl,
        adminKey,
        secretKey,
        ports,
      };
      const name = `${service}-${copy}`;
      const env = {
        ...serviceEnv(service, facts),
        ERRAND_PROVISION: 'false',
        ERRAND_REPLICAS: String(options.replicas),
        ERRAND_LEASE_MS: String(LEASE_MS),
        ERRAND_SHUTDOWN_GRACE_MS: '2000',
        ERRAND_SCHEDULE_MIN_EVERY_S: '1',
        // The executor's lines say how attempts ended.
        ERRAND_LOG_LEVEL: service === 'executor' ? 'info' : 'warn',
        ...(isRemote
          ? {
              ERRAND_WORKERS_PORT: String(workersPort),
              ERRAND_WORKER_KEYS: `*=${workerKey}`,
              ERRAND_WORKER_SILENCE_MS: String(LEASE_MS),
            }
          : {}),
      };
      members.push(
        startMember({
          name,
          mainFile: service === 'executor' && !isRemote ? EXECUTOR_FILE : sourceMainFile(service),
          env,
          readyUrl: `http://127.0.0.1:${port}/readyz`,
          logFile: join(options.dir, `${name}.log`),
        }),
      );
    }
  }
  for (const name of ['worker-1', 'worker-2']) {
    const env = { ERRAND_WORKERS_URL: `http://127.0.0.1:${workersPort}`, ERRAND_WORKER_KEY: workerKey };
    members.push(
      startMember({ name, mainFile: WORKER_FILE, env, logFile: join(options.dir, `${name}.log`) }),
    );
  }
  const fleet: Fleet = {
    url: `http://127.0.0.1:${gatewayPort}`,
    adminKey,
    members,
    async ready() {
      await Promise.all(members.map((member) => member.ready()));
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(members.map((member) => member[Symbol.asyncDispose]()));
    },
  };
  try {
    await fleet.ready();
    return fleet;
  } catch (error) {
    await fleet[Symbol.asyncDispose]();
    throw error;
  }
}
