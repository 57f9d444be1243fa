import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundle } from './bundle.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const SOURCE = join(ROOT, 'libs', 'cli');
/** The first Node that has everything the command calls. */
const ENGINES = { node: '>=20.12' };

/**
 * Builds the errand command as a separate package in `folder`, by default `libs/cli/dist`: one ES module without
 * dependencies, and the licenses of what is in it, ready for `npm pack`. Resolves with the folder.
 */
export async function buildCommand(folder = join(SOURCE, 'dist')): Promise<string> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const { code, modules } = await bundle(join(SOURCE, 'src', 'main.ts'), { minify: true, node: 'node20' });
  await writeFile(join(folder, 'errand.js'), code, { mode: 0o755 });
  const { name, version, description, license } = JSON.parse(
    await readFile(join(SOURCE, 'package.json'), 'utf8'),
  ) as Record<string, string>;
  const manifest = {
    name,
    version,
    description,
    license,
    type: 'module',
    bin: { errand: 'errand.js' },
    engines: ENGINES,
  };
  await writeFile(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  await writeFile(join(folder, 'THIRD-PARTY-LICENSES'), await licensesOf(modules));
  await cp(join(ROOT, 'LICENSE'), join(folder, 'LICENSE'));
  return folder;
}

/** The licenses of the packages that these files come from, as each package has it. */
async function licensesOf(modules: readonly string[]): Promise<string> {
  const folders = new Set(
    modules.flatMap((file) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file) ?? []),
  );
  const texts = [...folders].sort().map(async (folder) => {
    const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Record<
      string,
      string
    >;
    const files = (await readdir(folder)).filter((each) => /^(licen[cs]e|third-party)/i.test(each));
    const parts = await Promise.all(files.map((each) => readFile(join(folder, each), 'utf8')));
    return [`${manifest.name} ${manifest.version} (${manifest.license})`, ...parts].join('\n\n');
  });
  return (await Promise.all(texts)).join(`\n${'-'.repeat(80)}\n\n`);
}
