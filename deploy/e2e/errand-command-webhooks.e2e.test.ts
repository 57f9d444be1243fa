import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { createTestDatabase, startReceiver, startTestNats, waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Caller, createCaller } from './caller.ts';
import { COMMAND, runErrand } from './errand-command.ts';
import { type System, startSystem } from './system.ts';

const resources = new AsyncDisposableStack();
let system: System;
let caller: Caller;
let env: Record<string, string>;
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'errand-command-'));
  resources.defer(() => rm(dir, { recursive: true }));
  const nats = resources.use(await startTestNats());
  const database = resources.use(await createTestDatabase());
  system = resources.use(await startSystem({ natsUrl: nats.url, databaseUrl: database.url }));
  caller = resources.use(await createCaller(system, 'told'));
  env = { ERRAND_URL: system.url, ERRAND_TENANT: 'told', ERRAND_ADMIN_KEY: system.adminKey, HOME: dir };
  env.ERRAND_API_KEY = (await json<{ api_key: string }>('keys', 'create', 'cli')).api_key;
});
afterAll(() => resources.disposeAsync());

const errand = (...args: string[]) => runErrand(env, args, { cwd: dir });

async function json<T = Record<string, unknown>>(...args: string[]): Promise<T> {
  const { code, stdout, stderr } = await errand(...args, '--json');
  if (code !== 0) throw new Error(`${args.join(' ')}: ${code} ${stderr}`);
  return JSON.parse(stdout) as T;
}

test('tenants and keys are made, listed and deleted', async () => {
  expect(await json('tenants', 'put', 'another')).toMatchObject({ tenant_id: 'another' });
  expect((await errand('tenants', 'put', 'another')).stdout).toMatch(/^another, made /);
  expect((await errand('keys', 'list', '--tenant', 'another')).stdout).toBe('no keys\n');
  const key = await json<{ key_id: string }>('keys', 'create', 'ci', '--tenant', 'another');
  expect((await errand('keys', 'list', '--tenant', 'another')).stdout).toContain(key.key_id);
  expect((await errand('keys', 'delete', key.key_id)).code).toBe(0);
  expect(await json('keys', 'list', '--tenant', 'another')).toEqual({ keys: [] });
  expect((await errand('keys', 'delete', key.key_id)).code).toBe(4);
  expect((await errand('keys', 'create', '', '--tenant', 'another')).code).toBe(3);
});

test('an endpoint is made, tried, changed, and its deliveries are told and made again', async () => {
  await using receiver = await startReceiver();
  await writeFile(join(dir, 'secret'), 'hush\n');
  const made = await json<{ endpoint_id: string; signing_secret: string }>(
    ...['webhooks', 'create', '--url', `${receiver.url}/hook`, '--secret-header', 'x-token=@secret'],
  );
  const id = made.endpoint_id;
  expect(await json('webhooks', 'test', id)).toMatchObject({ outcome: 'delivered', status: 200 });
  expect(receiver.requests[0]?.headers).toMatchObject({ 'x-token': 'hush' });

  expect((await errand('webhooks', 'list')).stdout).toContain(`${id}  active`);
  expect((await errand('webhooks', 'pause', id)).code).toBe(0);
  expect((await errand('webhooks', 'show', id)).stdout).toMatch(/\nstate +paused/);
  expect((await errand('webhooks', 'resume', id)).code).toBe(0);
  expect(
    await json('webhooks', 'update', id, '--max-rps', '7', '--body', '{"description":"d"}'),
  ).toMatchObject({
    ...{ max_rps: 7, description: 'd' },
  });
  const rotated = await json<{ signing_secret: string }>('webhooks', 'rotate-secret', id, '--grace', '1h');
  expect(rotated.signing_secret).not.toBe(made.signing_secret);

  const delivery = await waitUntil(
    async () => {
      await caller.run();
      const { deliveries } = await json<{ deliveries: { delivery_id: string; job_id: string }[] }>(
        ...['webhooks', 'deliveries', id, '--status', 'delivered'],
      );
      return deliveries[0];
    },
    { timeoutMs: 60_000 },
  );
  expect((await errand('webhooks', 'deliveries', '--of-job', delivery.job_id)).stdout).toContain(
    delivery.delivery_id,
  );
  expect((await errand('webhooks', 'attempts', delivery.delivery_id)).stdout).toMatch(
    /^ATTEMPT .*\n1 .* 200 /,
  );
  expect((await errand('webhooks', 'redeliver', delivery.delivery_id)).stdout).toContain('is due');
  const { replay_id } = await json('webhooks', 'replay', id, '--since', '1h', '--only', 'all', '--dry-run');
  expect((await errand('webhooks', 'replays', id)).stdout).toContain(replay_id as string);
  await waitUntil(
    async () => (await errand('webhooks', 'cancel-replay', id, replay_id as string)).code === 3,
  );

  expect((await errand('webhooks', 'delete', id)).stdout).toBe(`deleted ${id}\n`);
  expect((await errand('webhooks', 'show', id)).code).toBe(4);
  const refused = await errand('webhooks', 'create', '--url', 'ftp://x');
  expect([refused.code, refused.stderr]).toEqual([3, expect.stringContaining('#/url')]);
});

test('the secret of single runs is made and shown by its fingerprint', async () => {
  expect((await errand('signer', 'show')).code).toBe(4);
  const { signing_secret_fingerprint } = await json('signer', 'rotate');
  expect((await errand('signer', 'show')).stdout).toContain(signing_secret_fingerprint as string);
});

/** `errand listen`, once it listens. */
async function listen(...args: string[]): Promise<{ child: ChildProcess; url: string; lines: string[] }> {
  const child = spawn(process.execPath, [COMMAND, 'listen', ...args], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  createInterface(child.stdout).on('line', (line) => lines.push(line));
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk;
  });
  const url = await waitUntil(() => /listening on (\S+?)[,;]/.exec(said)?.[1]);
  return { child, url, lines };
}

test('listen --register shows verified calls, refuses others, passes on, and leaves no endpoint behind', async () => {
  await using behind = await startReceiver();
  const { child, url, lines } = await listen('--register', '--json', '--forward-to', `${behind.url}/app`);
  const forged = await fetch(url, { method: 'POST', body: '{}', headers: { 'webhook-id': 'x' } });
  expect(forged.status).toBe(401);
  await waitUntil(
    async () => {
      await caller.run();
      return behind.requests.length > 0;
    },
    { timeoutMs: 60_000 },
  );
  await waitUntil(() => lines.length > 1);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    kind: 'refused',
    code: 'missing_header',
    answered: 401,
  });
  expect(JSON.parse(lines[1] ?? '')).toMatchObject({
    ...{ kind: 'verified', event: { type: 'job.succeeded' }, answered: 200 },
  });
  expect(await json('webhooks', 'list')).toMatchObject({ webhooks: [{ description: 'errand listen' }] });
  const gone = once(child, 'exit');
  child.kill('SIGINT');
  expect(await gone).toEqual([130, null]);
  expect(await json('webhooks', 'list')).toEqual({ webhooks: [] });
});

test('listen names what it lacks, and what a gateway has to allow', async () => {
  expect((await errand('listen')).code).toBe(2);
  const refused = await errand('listen', '--register', '--url', 'ftp://127.0.0.1/');
  expect([refused.code, refused.stderr]).toEqual([
    3,
    expect.stringContaining('ERRAND_WEBHOOKS_ALLOW_HTTP=true'),
  ]);
});

test('settings are kept by profile, readable by their owner only, and told with where they come from', async () => {
  const bare = { HOME: dir, XDG_CONFIG_HOME: join(dir, 'xdg') };
  const config = (args: string[], stdin = '') => runErrand(bare, ['config', ...args], { cwd: dir, stdin });
  await config(['set', 'url', system.url]);
  await config(['set', 'tenant', 'told', '--profile', 'work']);
  await config(['set', 'api_key', '-'], `${env.ERRAND_API_KEY}\n`);
  const path = (await config(['path'])).stdout.trim();
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  const listed = await config(['list']);
  expect(listed.stdout).not.toContain(env.ERRAND_API_KEY);
  expect(listed.stdout).toContain(`${system.url}  ${path}, profile default`);
  expect((await config(['get', 'api_key', '--reveal'])).stdout).toBe(`${env.ERRAND_API_KEY}\n`);
  expect((await config(['get', 'tenant'])).code).toBe(2);
  expect((await config(['use', 'work'])).code).toBe(0);
  expect((await config(['get', 'tenant', '--json'])).stdout).toContain('"value":"told"');
  expect((await config(['use', 'play'])).stderr).toContain('default, work');
  await config(['unset', 'tenant']);
  expect((await config(['get', 'tenant'])).code).toBe(2);
  const jobs = ['jobs', '--profile', 'default', '--json'];
  expect((await runErrand({ ...bare, ERRAND_TENANT: 'told' }, jobs)).code).toBe(0);
});

test('a local system is found by the file in its folder, unless an address or a key is set', async () => {
  const folder = join(dir, 'project');
  await mkdir(join(folder, '.errand'), { recursive: true });
  const local = { url: system.url, tenant_id: 'told', api_key: env.ERRAND_API_KEY, admin_key: 'a' };
  await writeFile(join(folder, '.errand', 'local.json'), JSON.stringify(local));
  const run = (extra: Record<string, string>) =>
    runErrand({ HOME: dir, ...extra }, ['actions'], { cwd: folder });
  expect((await run({})).stdout).toContain('performance_simulation');
  expect((await run({ ERRAND_URL: system.url })).stderr).toContain('set ERRAND_TENANT');
});

test('bash completes commands, options and the names of actions', async () => {
  const bin = join(dir, 'bin');
  await mkdir(bin);
  await writeFile(join(bin, 'errand'), `#!/bin/sh\nexec '${process.execPath}' '${COMMAND}' "$@"\n`);
  await chmod(join(bin, 'errand'), 0o755);
  const script = `source <(errand completion bash)
try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _errand; echo "\${COMPREPLY[*]}"; }
try errand ca; try errand webhooks re; try errand wait --ti; try errand run perf; try errand config get ad`;
  const { stdout } = await promisify(execFile)('bash', ['-c', script], {
    env: { ...env, PATH: `${bin}:${process.env.PATH}` },
  });
  expect(stdout.split('\n')).toEqual([
    ...['cancel', 'resume redeliver replay replays', '--timeout', 'performance_simulation', 'admin_key', ''],
  ]);
  for (const shell of ['zsh', 'fish'])
    expect((await errand('completion', shell)).stdout).toContain('errand complete');
});

test('types are written for the tenant of the settings', async () => {
  expect((await errand('types')).stdout).toContain('performance_simulation: {');
});
