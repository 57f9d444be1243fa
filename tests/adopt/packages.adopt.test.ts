import { execFile } from 'node:child_process';
import { hash } from 'node:crypto';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildPackage } from '../../tools/packages/build-package.ts';
import { packPackage } from '../../tools/packages/pack-package.ts';
import { PACKAGES, type PackageName } from '../../tools/packages/package-list.ts';
import { tool } from './tools.ts';

/* The packages by themselves. */

const run = promisify(execFile);
const NAMES = Object.keys(PACKAGES) as PackageName[];
const TYPED = NAMES.filter((name) => PACKAGES[name].hasTypes);

let root: string;
const built = new Map<PackageName, string>();

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'errand-packages-'));
  for (const name of NAMES)
    built.set(name, await buildPackage(name, join(root, name.replaceAll(/\W/g, '-'))));
});
afterAll(() => rm(root, { recursive: true }));

const folderOf = (name: PackageName): string => built.get(name) ?? '';

/** What a checker said, whether it was content or not. */
async function said(program: string, ...args: string[]): Promise<string> {
  const result = run(process.execPath, [program, ...args], { cwd: root });
  return result.then(
    () => '',
    ({ stdout, stderr }) => `${stdout}${stderr}`,
  );
}

test.each(NAMES)('publint finds nothing in %s', async (name) => {
  expect(await said(tool('publint'), 'run', folderOf(name), '--strict')).toBe('');
});

test.each(TYPED)('the types of %s are found by every resolution of modules', async (name) => {
  expect(await said(tool('attw'), '--pack', folderOf(name), '--profile', 'esm-only')).toBe('');
});

test.each(NAMES)('%s names nothing of this repository or machine', async (name) => {
  const manifest = JSON.parse(await readFile(join(folderOf(name), 'package.json'), 'utf8'));
  const listed = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
  const published = new Set<string>(NAMES);
  const workspaces = listed.filter((each) => each.startsWith('@errand/') && !published.has(each));
  expect(workspaces).toEqual([]);
  expect(JSON.stringify(manifest)).not.toMatch(/workspace:|file:/);
  const { stdout } = await run('grep', ['-rlF', join(import.meta.dirname, '..', '..'), folderOf(name)]).catch(
    () => ({ stdout: '' }),
  );
  expect(stdout).toBe('');
});

test('built and packed twice, the client is the same', async () => {
  const again = await buildPackage('@errand/client', join(root, 'again'));
  const copy = join(root, 'copy');
  await cp(folderOf('@errand/client'), copy, { recursive: true });
  const digests = await Promise.all(
    [again, copy].map(async (folder) => hash('sha256', await readFile(await packPackage(folder)), 'hex')),
  );
  expect(digests[0]).toBe(digests[1]);
});
