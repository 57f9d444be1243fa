import { readFile } from 'node:fs/promises';
import {
  type LoadFnOutput,
  type LoadHookSync,
  type ResolveFnOutput,
  type ResolveHookContext,
  type ResolveHookSync,
  registerHooks,
} from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

/*
 * The code of action files is kept in versions, told apart by a query behind the URLs of its modules:
 *
 *   file:///app/actions/hello.ts?errand=3
 *
 * A version holds every module of the folder as it was when it was first imported. So a file can be loaded anew while
 * attempts still run its old code, and a worker thread gets the code that its process has, whatever is on disk by then.
 */

interface Source {
  readonly format: string;
  readonly source: NonNullable<LoadFnOutput['source']>;
}

/** One version of a folder's code, as plain data that can cross into a worker thread. */
export interface CodeVersion {
  readonly number: number;
  /** URL of the folder; only modules below it are versioned. */
  readonly root: string;
  readonly sources: Map<string, Source>;
  /** What an import led to, by importing URL and specifier. */
  readonly resolved: Map<string, string>;
}

/** One module of a version. */
export interface ModuleCode {
  readonly url: string;
  readonly version: CodeVersion;
}

/** Always the executor's own copy: actions and executor must mean the same classes by it. */
const OWN = '@errand/actions';
/** Lent to action files which have none of their own. */
const LENT = 'zod';

const versions = new Map<number, CodeVersion>();

/** Begins a version of the code in a folder. Paths must be real ones, without symbolic links. */
export function newCodeVersion(folder: string): CodeVersion {
  const number = versions.size + 1;
  const root = pathToFileURL(`${folder}/`).href;
  return adopt({ number, root, sources: new Map(), resolved: new Map() });
}

/** The file by its real path: by the path of a link a thread would look for it anew, and find what it leads to by then. */
export function moduleCode(version: CodeVersion, file: string): ModuleCode {
  return { version, url: `${pathToFileURL(file).href}?errand=${version.number}` };
}

/** Imports a module; also in a thread that got the code from another one. */
export async function importCode({ url, version }: ModuleCode): Promise<Record<string, unknown>> {
  if (!versions.has(version.number)) adopt(version);
  return (await import(/* @vite-ignore */ url)) as Record<string, unknown>;
}

/** Whether a module and all that it led to are on disk as they were loaded, and `now` is of the same file. */
export async function isUnchanged({ url, version }: ModuleCode, now: ModuleCode): Promise<boolean> {
  if (fileURLToPath(url) !== fileURLToPath(now.url)) return false;
  for (const each of reached(url, version)) {
    const held = version.sources.get(each)?.source;
    const onDisk = await readFile(fileURLToPath(each)).catch(() => undefined);
    if (!held || !onDisk?.equals(bytesOf(held))) return false;
  }
  return true;
}

/** The files of a module and of all that it imports. */
export function filesOf({ url, version }: ModuleCode): string[] {
  return [...reached(url, version)].map((each) => fileURLToPath(each));
}

/** The modules of a version that one of them leads to, itself first. */
function reached(url: string, { resolved }: CodeVersion): Set<string> {
  const found = new Set([url]);
  // A set goes on to what is added while it is walked through.
  for (const each of found) {
    for (const [key, to] of resolved) if (key.startsWith(`${each} `)) found.add(to);
  }
  return found;
}

function bytesOf(source: Source['source']): Uint8Array {
  if (typeof source === 'string') return Buffer.from(source);
  return ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source);
}

function adopt(version: CodeVersion): CodeVersion {
  if (versions.size === 0) registerHooks({ resolve, load });
  versions.set(version.number, version);
  return version;
}

function versionOf(url: string | undefined): CodeVersion | undefined {
  const number = /\?errand=(\d+)$/.exec(url ?? '')?.[1];
  return number === undefined ? undefined : versions.get(Number(number));
}

const resolve: ResolveHookSync = (specifier, context, next) => {
  // A module of a version that is held needs no file any more.
  if (versionOf(specifier)?.sources.has(specifier)) return { url: specifier, shortCircuit: true };
  const version = versionOf(context.parentURL);
  if (!version) return next(specifier, context);
  const key = `${context.parentURL} ${specifier}`;
  const known = version.resolved.get(key);
  if (known !== undefined) return { url: known, shortCircuit: true };
  const found = specifier === OWN ? next(specifier, ours(context)) : nextOrLent(specifier, context, next);
  const isVersioned = found.url.startsWith(version.root) && !found.url.includes('/node_modules/');
  if (!isVersioned) return found;
  const url = `${found.url}?errand=${version.number}`;
  version.resolved.set(key, url);
  return { ...found, url };
};

function nextOrLent(
  specifier: string,
  context: ResolveHookContext,
  next: Parameters<ResolveHookSync>[2],
): ResolveFnOutput {
  try {
    return next(specifier, context);
  } catch (error) {
    if (specifier === LENT || specifier.startsWith(`${LENT}/`)) return next(specifier, ours(context));
    throw error;
  }
}

function ours(context: ResolveHookContext): ResolveHookContext {
  return { ...context, parentURL: import.meta.url };
}

const load: LoadHookSync = (url, context, next) => {
  const version = versionOf(url);
  if (!version) return next(url, context);
  const held = version.sources.get(url);
  if (held) return { ...held, shortCircuit: true };
  const loaded = next(url, { ...context, format: moduleFormat(url) ?? context.format });
  const { format, source } = loaded;
  if (format && source) version.sources.set(url, { format, source });
  return loaded;
};

/**
 * What a folder's code is, whatever its package.json says of it: ES modules. Node holds CommonJS modules in a cache of
 * its own, where no version of them could be told from another.
 */
function moduleFormat(url: string): string | undefined {
  const path = fileURLToPath(url);
  if (/\.c[jt]s$/.test(path))
    throw new Error(`${path} is CommonJS, which cannot be reloaded: make it an ES module`);
  if (/\.m?ts$/.test(path)) return 'module-typescript';
  return /\.m?js$/.test(path) ? 'module' : undefined;
}
