import { cp, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { build } from 'tsdown';
import { bundledPackages, licencesOf } from './licences.ts';
import { manifestOf } from './manifest.ts';
import { PACKAGES, type PackageName, type PackageSpec } from './package-list.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/**
 * Builds a package in `folder`, by default below `dist`, ready for `npm publish`: ES modules, types, source maps, a
 * package.json that lists what they import, and licences. Inside the repository the sources are used directly; outside,
 * Node runs no TypeScript below node_modules. Resolves with the folder.
 */
export async function buildPackage(
  name: PackageName,
  folder = join(ROOT, 'dist', name.replace('@errand/', '')),
): Promise<string> {
  const spec: PackageSpec = PACKAGES[name];
  const { source, entry, beside = [], isWhole = false, isForBrowsers = false, hasTypes, node } = spec;
  await rm(folder, { recursive: true, force: true });
  const isBeside = (id: string) => beside.some((each) => id === each || id.startsWith(`${each}/`));
  const tsconfig = join(import.meta.dirname, isForBrowsers ? 'tsconfig.browsers.json' : 'tsconfig.node.json');
  const { bundles } = await build({
    config: false,
    logLevel: 'error',
    cwd: join(ROOT, source),
    entry: Object.fromEntries(Object.entries(entry).map(([built, file]) => [built, join(ROOT, file)])),
    outDir: join(folder, 'dist'),
    format: 'esm',
    platform: isForBrowsers ? 'neutral' : 'node',
    target: isForBrowsers ? 'es2022' : `node${node}`,
    fixedExtension: false,
    sourcemap: !isWhole,
    minify: isWhole,
    hash: true,
    // Chunks lie beside entries, so that what is found by import.meta.url is found from either.
    outputOptions: {
      chunkFileNames: '[name]-[hash].js',
      // Debuggers show the path in the repository, wherever that was.
      sourcemapPathTransform: (path, map) => `errand:///${relative(ROOT, join(dirname(map), path))}`,
    },
    // The bundler of types drops what the sources refer to, and AsyncDisposable needs this one.
    ...(hasTypes ? { banner: { dts: '/// <reference lib="esnext.disposable" preserve="true" />' } } : {}),
    deps: {
      neverBundle: isWhole ? beside.flatMap((each) => [each, new RegExp(`^${each}/`)]) : true,
      alwaysBundle: (id: string) => !isBeside(id) && (isWhole || isWorkspace(id) || isLargeForItsUse(id)),
      onlyBundle: false,
    },
    tsconfig,
    dts: hasTypes ? { tsconfig } : false,
  });
  const built = bundles.flatMap(({ chunks }) => chunks).filter((chunk) => chunk.type === 'chunk');
  await writeJson(join(folder, 'package.json'), await manifestOf(name, built));
  await cp(join(ROOT, 'LICENSE'), join(folder, 'LICENSE'));
  await cp(join(ROOT, source, 'README.md'), join(folder, 'README.md'));
  for (const each of spec.folders ?? [])
    await cp(join(ROOT, source, each), join(folder, basename(each)), { recursive: true });
  const contained = bundledPackages(built.flatMap(({ moduleIds }) => moduleIds));
  if (contained.length > 0)
    await writeFile(join(folder, 'THIRD-PARTY-LICENSES'), await licencesOf(contained));
  return folder;
}

function isWorkspace(id: string): boolean {
  return id === 'errand' || id.startsWith('@errand/');
}

/** What brings 20 and 8 MB, of which a service uses less than one; the former imports parts of its own by names that begin with #. */
function isLargeForItsUse(id: string): boolean {
  return id.startsWith('@opentelemetry/') || id.startsWith('@modelcontextprotocol/') || id.startsWith('#');
}

async function writeJson(file: string, value: unknown): Promise<void> {
  await writeFile(file, `${JSON.stringify(value, null, 2)}\n`);
}
