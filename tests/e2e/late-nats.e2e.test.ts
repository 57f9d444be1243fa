import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { freePort, ownEnv } from '@errand/local-servers';
import { createTestDatabase, startTestNats, type TestNats, waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

/* Orchestrators restart what does not say that it is alive: a service that waits for its log does. */

const SERVICES = ['gateway', 'scheduler', 'executor', 'projection', 'webhooks'];

interface Started {
  readonly name: string;
  readonly url: string;
  readonly child: ChildProcess;
}

const resources = new AsyncDisposableStack();
let nats: TestNats;
let databaseUrl: string;

beforeAll(async () => {
  nats = resources.use(await startTestNats());
  databaseUrl = resources.use(await createTestDatabase()).url;
  await nats.kill();
});
afterAll(() => resources.disposeAsync());

async function start(name: string, more: Record<string, string> = {}): Promise<Started> {
  const port = String(await freePort());
  const env = {
    ...ownEnv(process.env),
    NATS_URL: nats.url,
    DATABASE_URL: databaseUrl,
    ERRAND_ADMIN_KEY: 'an-admin-key-of-the-test',
    ERRAND_SECRET_KEY: Buffer.alloc(32, 3).toString('base64'),
    ERRAND_ACTIONS: fileURLToPath(new URL('./console-actions.ts', import.meta.url)),
    ERRAND_LOG_LEVEL: 'silent',
    [name === 'gateway' ? 'ERRAND_PORT' : 'ERRAND_OPS_PORT']: port,
    ...more,
  };
  const main = fileURLToPath(new URL(`../../services/${name}/src/main.ts`, import.meta.url));
  const child = spawn(process.execPath, [main], { env, stdio: 'inherit' });
  resources.defer(() => void child.kill('SIGKILL'));
  return { name, url: `http://127.0.0.1:${port}`, child };
}

async function statusOf(url: string): Promise<number> {
  return fetch(url).then(
    (response) => response.status,
    () => 0,
  );
}

const isAlive = ({ url }: Started) =>
  waitUntil(async () => (await statusOf(`${url}/healthz`)) === 200, { timeoutMs: 20_000 });

test('a service that is stopped while it waits for NATS ends at once', async () => {
  const waiting = await start('webhooks');
  await isAlive(waiting);
  const exited = once(waiting.child, 'exit');
  waiting.child.kill('SIGTERM');
  expect(await exited).toEqual([0, null]);
});

test('a service that waits for NATS is alive and not ready, and gets ready when NATS comes', async () => {
  const started = await Promise.all(SERVICES.map((name) => start(name)));
  await Promise.all(started.map(isAlive));
  for (const { name, url } of started) {
    const ready = await fetch(`${url}/readyz`);
    expect([name, ready.status, ((await ready.json()) as { failing: string[] }).failing]).toEqual([
      name,
      503,
      expect.arrayContaining(['nats']),
    ]);
    expect([name, await statusOf(`${url}/metrics`)]).toEqual([name, 200]);
  }
  const run = await fetch(`${started[0]?.url}/v2/tenants/acme/echo/run`, { method: 'POST', body: '{}' });
  expect([run.status, ((await run.json()) as { code: string }).code]).toEqual([503, 'log_unavailable']);

  await nats.restart();
  for (const { url } of started) {
    await waitUntil(async () => (await statusOf(`${url}/readyz`)) === 200, { timeoutMs: 60_000 });
  }
});

test('a gateway that waits for NATS says so on its ops port as well, and gives its metrics there alone', async () => {
  await nats.kill();
  const opsPort = String(await freePort());
  const admins = { ERRAND_OPS_PORT: opsPort, ERRAND_ADMIN_ON_OPS_PORT: 'true' };
  const gateway = await start('gateway', admins);
  await isAlive(gateway);
  const opsUrl = `http://127.0.0.1:${opsPort}`;
  const seen = (path: string) => Promise.all([gateway.url, opsUrl].map((url) => statusOf(url + path)));
  await waitUntil(async () => (await statusOf(`${opsUrl}/healthz`)) === 200, { timeoutMs: 20_000 });
  expect(await seen('/healthz')).toEqual([200, 200]);
  expect(await seen('/readyz')).toEqual([503, 503]);
  expect(await seen('/metrics')).toEqual([503, 200]);
  expect(await seen('/admin/tenants')).toEqual([503, 503]);

  await nats.restart();
  await waitUntil(async () => (await statusOf(`${opsUrl}/readyz`)) === 200, { timeoutMs: 60_000 });
  await expect.poll(() => seen('/readyz')).toEqual([200, 200]);
  expect(await seen('/metrics')).toEqual([404, 200]);
  expect(await seen('/admin/tenants')).toEqual([404, 401]);
});
