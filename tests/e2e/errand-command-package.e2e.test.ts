import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildPackage } from '../../tools/packages/build-package.ts';
import { findSystemNode } from '../client/runtimes.ts';
import { startCommandedSystem } from './errand-command.ts';

/* The command for somebody without the repository: its package, installed without a network. */

const run = promisify(execFile);
const systemNode = await findSystemNode();
if (!systemNode) console.log("SKIPPED: the command in the machine's own Node: there is none on the PATH");

const resources = new AsyncDisposableStack();
let folder: string;

beforeAll(async () => {
  const dir = await mkdtemp(join(tmpdir(), 'errand-package-'));
  resources.defer(() => rm(dir, { recursive: true }));
  const env = { PATH: process.env.PATH, HOME: dir };
  const dist = await buildPackage('errand', join(dir, 'dist'));
  await run('npm', ['pack', '--pack-destination', dir], { cwd: dist, env });
  const [tarball = ''] = (await readdir(dir)).filter((each) => each.endsWith('.tgz'));
  folder = join(dir, 'empty');
  await mkdir(folder);
  await run('npm', ['install', '--offline', join(dir, tarball)], { cwd: folder, env });
});
afterAll(() => resources.disposeAsync());

/** Runs under the first `node` on the PATH. */
async function errand(env: Readonly<Record<string, string>>, ...args: string[]): Promise<string> {
  const node = dirname(systemNode?.path ?? process.execPath);
  const { stdout } = await run(join(folder, 'node_modules', '.bin', 'errand'), args, {
    env: { ...env, PATH: [node, '/usr/bin', '/bin'].join(delimiter) },
    cwd: folder,
  });
  return stdout;
}

test('nothing but the package is installed', async () => {
  const installed = await readdir(join(folder, 'node_modules'));
  expect(installed.filter((each) => !each.startsWith('.'))).toEqual(['errand']);
  const manifest = JSON.parse(
    await readFile(join(folder, 'node_modules', 'errand', 'package.json'), 'utf8'),
  ) as { version: string };
  expect(await errand({}, '--version')).toBe(`${manifest.version}\n`);
});

test('the installed command asks a live system', async () => {
  await using system = await startCommandedSystem('installed');
  expect(JSON.parse(await errand(system.env, 'jobs', '--json'))).toEqual({ jobs: [] });
  expect(await errand(system.env, 'types')).toContain('performance_simulation: {');
  expect(await errand(system.env, 'verify')).toContain('messages that cannot be read');
});
