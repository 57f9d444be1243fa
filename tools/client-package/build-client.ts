import { execFile } from 'node:child_process';
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';

const ROOT = join(import.meta.dirname, '..', '..');
const SOURCE = join(ROOT, 'libs', 'client');

/**
 * Builds the client as a separate package in `folder`, by default `libs/client/dist`: ES modules with their types and a
 * package.json, ready for `npm publish`. Inside the repository its sources are used directly; outside, nothing runs
 * TypeScript from node_modules. Resolves with the folder.
 */
export async function buildClient(folder = join(SOURCE, 'dist')): Promise<string> {
  await rm(folder, { recursive: true, force: true });
  const tsc = createRequire(import.meta.url).resolve('typescript/package.json');
  const args = [join(tsc, '..', 'bin', 'tsc'), '-p', join(SOURCE, 'tsconfig.build.json'), '--outDir', folder];
  await promisify(execFile)(process.execPath, args).catch((error: Error & { stdout?: string }) => {
    throw new Error(`the client cannot be built:\n${error.stdout}`);
  });
  await pointTypesToTypes(folder);
  const { name, version, description, license } = JSON.parse(
    await readFile(join(SOURCE, 'package.json'), 'utf8'),
  ) as Record<string, string>;
  const manifest = {
    name,
    version,
    description,
    license,
    type: 'module',
    sideEffects: false,
    exports: { '.': { types: './index.d.ts', default: './index.js' } },
    engines: { node: '>=20' },
  };
  await writeFile(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  await cp(join(ROOT, 'LICENSE'), join(folder, 'LICENSE'));
  return folder;
}

/** The compiler leaves `./job.ts` in declarations, but there is no such file next to them. */
async function pointTypesToTypes(folder: string): Promise<void> {
  for (const file of await readdir(folder, { recursive: true })) {
    if (!file.endsWith('.d.ts')) continue;
    const text = await readFile(join(folder, file), 'utf8');
    await writeFile(join(folder, file), text.replaceAll(/(['"]\.{1,2}\/[\w/-]+)\.ts(['"])/g, '$1.js$2'));
  }
}
