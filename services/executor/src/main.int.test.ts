import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { startTestNats, type TestNats } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));

let nats: TestNats;
beforeAll(async () => {
  nats = await startTestNats();
});
afterAll(async () => {
  await nats?.[Symbol.asyncDispose]();
});

test('SIGTERM ends the process with 0 while the server is away', async () => {
  const env = { ...process.env, NATS_URL: nats.url, ERRAND_OPS_PORT: '0', ERRAND_LOG_LEVEL: 'info' };
  const executor = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(executor, 'exit');
  const lines = createInterface({ input: executor.stdout });
  const told = (message: string) =>
    new Promise<void>((resolve) => {
      lines.on('line', (line) => {
        if (line.includes(message)) resolve();
      });
    });
  try {
    const disconnected = told('disconnected');
    await told('service_started');
    await nats.kill();
    await disconnected;
    executor.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
  } finally {
    executor.kill('SIGKILL');
  }
});
