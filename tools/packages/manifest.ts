import { readFile } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { PACKAGES, type PackageName, type PackageSpec } from './package-list.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** What the bundler tells of a built file. */
interface BuiltFile {
  readonly fileName: string;
  readonly imports: readonly string[];
  readonly dynamicImports: readonly string[];
}

/** The package.json of a built package. Its dependencies are what its files import, in the versions of the workspaces. */
export async function manifestOf(name: PackageName, files: readonly BuiltFile[]): Promise<object> {
  const spec: PackageSpec = PACKAGES[name];
  const { peers = [], alsoDependsOn = [], optional = [], hasTypes } = spec;
  const { version, description } = await readManifest(spec.source);
  const wanted = new Set([...alsoDependsOn, ...importedPackages(files)]);
  const versions = await lockedVersions();
  const versionOf = (each: string): string => {
    // One that is exact would not let a project have two packages of two patch releases.
    if (each in PACKAGES) return `^${version}`;
    const found = versions.get(each);
    if (!found) throw new Error(`${name} imports ${each}, which no workspace depends on`);
    return found;
  };
  const listed = (names: Iterable<string>) =>
    Object.fromEntries([...names].toSorted().map((each) => [each, versionOf(each)]));
  const dependencies = listed(
    [...wanted].filter((each) => !peers.includes(each) && !optional.includes(each)),
  );
  return {
    name,
    version,
    description,
    license: 'Apache-2.0',
    type: 'module',
    ...(spec.isForBrowsers ? { sideEffects: false } : {}),
    ...(spec.bin ? { bin: mapValues(spec.bin, (file) => `dist/${file}.js`) } : {}),
    exports: mapValues(spec.exports ?? {}, (file) =>
      hasTypes ? { types: `./dist/${file}.d.ts`, default: `./dist/${file}.js` } : `./dist/${file}.js`,
    ),
    files: ['dist', 'THIRD-PARTY-LICENSES', ...(spec.folders ?? []).map((each) => each.split('/').at(-1))],
    engines: { node: `>=${spec.node}` },
    publishConfig: { access: 'public' },
    ...(Object.keys(dependencies).length > 0 ? { dependencies } : {}),
    ...(optional.length > 0 ? { optionalDependencies: listed(optional) } : {}),
    ...(peers.length > 0 ? { peerDependencies: listed(peers) } : {}),
  };
}

function importedPackages(files: readonly BuiltFile[]): Set<string> {
  const own = new Set(files.map(({ fileName }) => fileName));
  const ids = files.flatMap(({ imports, dynamicImports }) => [...imports, ...dynamicImports]);
  const outside = ids.filter(
    (id) => !own.has(id) && !id.startsWith('node:') && !id.startsWith('.') && !builtinModules.includes(id),
  );
  return new Set(outside.map((id) => /^(?:@[^/]+\/)?[^/]+/.exec(id)?.[0] ?? id));
}

/** Exact versions of what the workspaces depend on. */
async function lockedVersions(): Promise<Map<string, string>> {
  const { packages } = JSON.parse(await readFile(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dependencies?: Record<string, string> }>;
  };
  const listed = Object.entries(packages)
    .filter(([path]) => !path.includes('node_modules/'))
    .flatMap(([, { dependencies = {} }]) => Object.entries(dependencies));
  return new Map(listed);
}

async function readManifest(source: string): Promise<Record<string, string>> {
  return JSON.parse(await readFile(join(ROOT, source, 'package.json'), 'utf8')) as Record<string, string>;
}

function mapValues<A, B>(record: Readonly<Record<string, A>>, map: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
