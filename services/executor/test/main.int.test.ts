import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { freePort } from '@errand/local-servers';
import { startTestNats, startTestScheduler, type TestNats } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openExecutorTestBus, testJobs } from './executor.ts';
import { createTestFolder } from './folder.ts';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const OWN = fileURLToPath(new URL('../../../examples/own-executor/main.ts', import.meta.url));

let nats: TestNats;
let scheduler: AsyncDisposable;
beforeAll(async () => {
  nats = await startTestNats();
  scheduler = await startTestScheduler(nats.url);
});
afterAll(async () => {
  await scheduler?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

/** An executor in a process of its own. */
function startProcess(file: string, own: Record<string, string> = {}) {
  const env = { ...process.env, NATS_URL: nats.url, ERRAND_OPS_PORT: '0', ERRAND_LOG_LEVEL: 'info', ...own };
  const child = spawn(process.execPath, [file], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const lines = createInterface({ input: child.stdout });
  return {
    child,
    exited: once(child, 'exit'),
    errors: text(child.stderr),
    told: (message: string) =>
      new Promise<void>((resolve) => {
        lines.on('line', (line) => {
          if (line.includes(message)) resolve();
        });
      }),
  };
}

test("a main.ts of one's own serves the actions that it gives to runExecutor", async () => {
  const { child, exited, told } = startProcess(OWN);
  try {
    await told('service_started');
    await using bus = await openExecutorTestBus(nats.url);
    const jobs = testJobs(bus);
    const ended = await jobs.ended(await jobs.request('add_up', { amounts: [1, 2, 4] }));
    expect(ended.outcome.value.result).toEqual({ total: 7 });
    child.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
  } finally {
    child.kill('SIGKILL');
  }
});

test("a main.ts of one's own is a remote worker, without NATS", async () => {
  const port = await freePort();
  const key = 'a-key-of-all-workers';
  const folder = await mkdtemp(join(tmpdir(), 'errand-own-'));
  const file = join(folder, 'main.ts');
  const from = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
  await writeFile(
    file,
    `import { runExecutor } from ${from('../src/index.ts')};
     import { add } from ${from('./fixtures/actions.ts')};
     await runExecutor({ actions: [add], remote: { url: 'http://127.0.0.1:${port}', key: '${key}' } });`,
  );
  const server = startProcess(MAIN, { ERRAND_WORKERS_PORT: String(port), ERRAND_WORKER_KEYS: `add=${key}` });
  const worker = startProcess(file, { NATS_URL: 'nats://127.0.0.1:1' });
  try {
    await using bus = await openExecutorTestBus(nats.url);
    const jobs = testJobs(bus);
    const ended = await jobs.ended(await jobs.request('add', { a: 1, b: 2 }));
    expect(ended.phase.value.status).toBe('succeeded');
    for (const { child, exited } of [worker, server]) {
      child.kill('SIGTERM');
      expect(await exited).toEqual([0, null]);
    }
  } finally {
    for (const { child } of [worker, server]) child.kill('SIGKILL');
    await rm(folder, { recursive: true });
  }
});

test.each([
  ['[]', 'runExecutor was given no action'],
  ['[add, add]', 'two actions are named add'],
  ["[{ ...add, thread: 'worker' }]", 'add needs worker threads: put its file into ERRAND_ACTIONS instead'],
])('runExecutor does not start with %s', async (actions, complaint) => {
  const folder = await mkdtemp(join(tmpdir(), 'errand-own-'));
  const file = join(folder, 'main.ts');
  const from = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
  await writeFile(
    file,
    `import { runExecutor } from ${from('../src/index.ts')};
     import { add } from ${from('./fixtures/actions.ts')};
     await runExecutor({ actions: ${actions} });`,
  );
  const { child, exited, errors } = startProcess(file);
  try {
    expect(await exited).toEqual([2, null]);
    expect((await errors).trim()).toBe(complaint);
  } finally {
    child.kill('SIGKILL');
    await rm(folder, { recursive: true });
  }
});

test('SIGTERM ends the process with 0 while an action file is loading', async () => {
  await using folder = await createTestFolder();
  const action = await folder.write('a.ts', "console.log('is loading');\nawait new Promise(() => {});\n");
  const { child, exited, told } = startProcess(MAIN, { ERRAND_ACTIONS: action });
  try {
    await told('is loading');
    child.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
  } finally {
    child.kill('SIGKILL');
  }
});

test('SIGTERM ends the process with 0 while the server is away', async () => {
  const { child, exited, told } = startProcess(OWN);
  try {
    const disconnected = told('disconnected');
    await told('service_started');
    await nats.kill();
    await disconnected;
    child.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
  } finally {
    child.kill('SIGKILL');
  }
});
