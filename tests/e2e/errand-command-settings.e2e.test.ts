import { execFile } from 'node:child_process';
import { chmod, mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { COMMAND, type CommandedSystem, runErrand, startCommandedSystem } from './errand-command.ts';

let commanded: CommandedSystem;
let system: CommandedSystem['system'];
let env: CommandedSystem['env'];
let dir: string;
let errand: CommandedSystem['errand'];
let json: CommandedSystem['json'];

beforeAll(async () => {
  commanded = await startCommandedSystem('told');
  ({ system, env, dir, errand, json } = commanded);
});
afterAll(() => commanded?.[Symbol.asyncDispose]());

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

test('settings are kept by profile, readable by their owner only, and shown with their sources', async () => {
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
    ...[
      'cancel',
      'resume redeliver replay replays',
      '--timeout',
      'performance_simulation',
      'admin_url admin_key',
      '',
    ],
  ]);
  for (const shell of ['zsh', 'fish'])
    expect((await errand('completion', shell)).stdout).toContain('errand complete');
});

test('types are written for the tenant of the settings', async () => {
  expect((await errand('types')).stdout).toContain('performance_simulation: {');
});
