import { fork } from 'node:child_process';
import { once } from 'node:events';

/** A gateway in its own process, so that its CPU time is its own. */
export interface BenchGateway {
  readonly url: string;
  readonly adminKey: string;
  /** CPU time that the process has used so far, user and system. */
  cpuMicros(): Promise<number>;
  stop(): Promise<void>;
}

export async function startBenchGateway(options: {
  natsUrl: string;
  /** `none` acknowledges each append without doing it. */
  append: 'log' | 'none';
}): Promise<BenchGateway> {
  const adminKey = 'bench-admin-key-of-no-value';
  const child = fork(new URL('./gateway-process.ts', import.meta.url), [options.append], {
    env: {
      ...process.env,
      NATS_URL: options.natsUrl,
      // No job is read here, so Postgres is never asked.
      DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
      ERRAND_PORT: '0',
      ERRAND_ADMIN_KEY: adminKey,
      ERRAND_SECRET_KEY: Buffer.alloc(32).toString('base64'),
      ERRAND_LOG_LEVEL: 'warn',
    },
  });
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  const url = `http://127.0.0.1:${port}`;
  const headers = { authorization: `Bearer ${adminKey}` };
  const created = await fetch(`${url}/admin/tenants/bench`, { method: 'PUT', headers });
  if (!created.ok) throw new Error(`the tenant was not created: ${created.status}`);
  return {
    url,
    adminKey,
    async cpuMicros() {
      child.send('cpu');
      const [{ user, system }] = (await once(child, 'message')) as [NodeJS.CpuUsage];
      return user + system;
    },
    async stop() {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    },
  };
}
