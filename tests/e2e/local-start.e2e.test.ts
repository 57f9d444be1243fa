import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LocalFile } from '../../dev/data/local-file.ts';
import { FIRST_TENANT_ID } from '../../dev/first-tenant.ts';
import { runsWith } from '../../dev/process/processes.ts';
import { REPORT_RUN } from '../../dev/tell/banner.ts';

/*
 * `npm start` as a user has it: its own process on a new data folder. The tests follow its life in order.
 */

const START = join(import.meta.dirname, '..', '..', 'dev', 'main.ts');
const DEMO = join(import.meta.dirname, '..', '..', 'dev', 'demo.ts');
const READY = 'Stop with Ctrl-C.';

interface Program {
  process: ChildProcess;
  exitCode: Promise<number | null>;
  /** Everything that it has printed so far, on both streams. */
  output(): string;
  /** Resolves when it has printed the text; rejects if it ends before that. */
  says(text: string): Promise<void>;
}

let root: string;
let dataDir: string;
const programs: Program[] = [];
let running: Program;
let apiKey: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'errand-start-'));
  // Postgres, which refuses to run as root, is another user and has to pass through.
  await chmod(root, 0o755);
  dataDir = join(root, 'data');
});

afterAll(async () => {
  const left = programs.filter((program) => program.process.exitCode === null);
  for (const program of left) program.process.kill('SIGTERM');
  await Promise.all(left.map((program) => program.exitCode));
  await rm(root, { recursive: true, force: true });
});

/** Variables that a shell may hold for other programs. */
const OF_ANOTHER_PROGRAM = {
  PGSSLMODE: 'require',
  PGOPTIONS: '-c default_transaction_read_only=on',
  PGCLIENTENCODING: 'nonsense',
  NATS_CA_FILE: '/nowhere/ca.pem',
  NODE_PG_FORCE_NATIVE: '1',
  NODE_USE_ENV_PROXY: '1',
  HTTP_PROXY: 'http://127.0.0.1:9',
};

function run(file: string, env: Record<string, string>): Program {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('ERRAND_') && name !== 'NATS_URL' && name !== 'DATABASE_URL',
  );
  const child = spawn(process.execPath, [file], {
    cwd: root,
    env: { ...Object.fromEntries(inherited), ...OF_ANOTHER_PROGRAM, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const heard = new EventTarget();
  const hear = (chunk: string) => {
    output += chunk;
    heard.dispatchEvent(new Event('output'));
  };
  child.stdout.setEncoding('utf8').on('data', hear);
  child.stderr.setEncoding('utf8').on('data', hear);
  const exitCode = once(child, 'close').then(([code]) => code as number | null);
  const program: Program = {
    process: child,
    exitCode,
    output: () => output,
    says(text) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const look = () => output.includes(text) && resolve();
      heard.addEventListener('output', look);
      look();
      void exitCode.then((code) => reject(new Error(`ended with ${code} before '${text}':\n${output}`)));
      return promise.finally(() => heard.removeEventListener('output', look));
    },
  };
  programs.push(program);
  return program;
}

async function localFile(): Promise<LocalFile> {
  return JSON.parse(await readFile(join(dataDir, 'local.json'), 'utf8')) as LocalFile;
}

function printed(fact: 'url' | 'key'): string {
  return new RegExp(`^ {2}${fact} +(\\S+)$`, 'm').exec(running.output())?.[1] ?? '';
}

const actionUrl = () => `${printed('url')}/v2/tenants/${FIRST_TENANT_ID}/${REPORT_RUN.path}`;

async function requestRun(): Promise<{ status: number; jobId: string }> {
  const response = await fetch(`${actionUrl()}/run`, {
    method: 'POST',
    headers: { authorization: `Bearer ${printed('key')}`, 'content-type': 'application/json' },
    body: JSON.stringify(REPORT_RUN.input),
  });
  const { job_id } = (await response.json()) as { job_id: string };
  return { status: response.status, jobId: job_id };
}

async function statusOf(jobId: string): Promise<string> {
  const headers = { authorization: `Bearer ${printed('key')}` };
  const response = await fetch(`${actionUrl()}/status?job_id=${jobId}`, { headers });
  return ((await response.json()) as { status: string }).status;
}

async function runToItsEnd(): Promise<void> {
  const { status, jobId } = await requestRun();
  expect(status).toBe(202);
  await waitUntil(async () => (await statusOf(jobId)) === 'succeeded', { timeoutMs: 60_000 });
}

test('a first start prints a URL and a key with which a run is accepted and succeeds', async () => {
  running = run(START, { ERRAND_DATA_DIR: dataDir, ERRAND_PORT: '0' });
  await running.says(READY);
  apiKey = printed('key');
  expect((await localFile()).url).toBe(printed('url'));
  await runToItsEnd();
});

test('the demo goes through its whole round', async () => {
  const demo = run(DEMO, { ERRAND_DATA_DIR: dataDir });
  expect(await demo.exitCode, demo.output()).toBe(0);
  expect(demo.output()).toContain('Everything arrived.');
});

test.each(['executor', 'nats', 'postgres'])(
  'a killed %s comes back, and runs succeed again',
  async (name) => {
    const pid = (await localFile()).pids[name] as number;
    process.kill(pid, 'SIGKILL');
    await running.says(`${name} ended (SIGKILL); starting it again`);
    await waitUntil(async () => (await localFile()).pids[name] !== pid, { timeoutMs: 30_000 });
    await waitUntil(async () => (await requestRun()).status === 202, { timeoutMs: 30_000 });
    await runToItsEnd();
  },
);

test('a second start on the same folder is refused and says where the first one is', async () => {
  const second = run(START, { ERRAND_DATA_DIR: dataDir, ERRAND_PORT: '0' });
  expect(await second.exitCode).toBe(1);
  expect(second.output()).toContain(`${printed('url')} (pid ${running.process.pid})`);
});

test('a port that is taken is refused by name, and nothing is started', async () => {
  const { port } = new URL(printed('url'));
  const other = join(root, 'other');
  const refused = run(START, { ERRAND_DATA_DIR: other, ERRAND_PORT: port });
  expect(await refused.exitCode).toBe(1);
  expect(refused.output()).toMatch(new RegExp(`port ${port} .*ERRAND_PORT`));
  await expect(access(join(other, 'pids.json'))).rejects.toThrow('ENOENT');
});

test('a configuration that a service refuses ends the start with the words of that service', async () => {
  const env = { ERRAND_DATA_DIR: join(root, 'wrong'), ERRAND_PORT: '0', ERRAND_SECRET_KEY: 'short' };
  const refused = run(START, env);
  expect(await refused.exitCode).toBe(1);
  expect(refused.output()).toMatch(/rejected its configuration:\n.*\n.*ERRAND_SECRET_KEY/);
});

test('a start after kill -9 stops what was left, takes over the folder and prints the same key', async () => {
  const { pids } = await localFile();
  running.process.kill('SIGKILL');
  await running.exitCode;
  running = run(START, { ERRAND_DATA_DIR: dataDir, ERRAND_PORT: '0' });
  await running.says(READY);
  expect(running.output()).toContain(`gateway (pid ${pids.gateway}) was left over`);
  expect(await runsWith(pids.gateway as number, 'gateway')).toBe(false);
  expect(printed('key')).toBe(apiKey);
  await runToItsEnd();
});

test('SIGTERM ends everything with code 0', async () => {
  const { pids } = await localFile();
  running.process.kill('SIGTERM');
  expect(await running.exitCode, running.output()).toBe(0);
  const words = { nats: dataDir, postgres: dataDir };
  for (const [name, pid] of Object.entries(pids)) {
    const word = words[name as 'nats'] ?? 'main.ts';
    expect(await runsWith(pid as number, word), name).toBe(false);
  }
  await expect(access(join(dataDir, 'local.json'))).rejects.toThrow('ENOENT');
});
