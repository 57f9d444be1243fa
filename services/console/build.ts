import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from 'vite';

/*
 * Builds the console into the gateway's vendored files, each compressed: `npm run console`. With `--check` it builds
 * aside instead, and fails if that is not what is there.
 */

const VENDORED = join(import.meta.dirname, '..', 'gateway', 'vendor', 'console');
const MAX_FIRST_LOAD = { js: 150_000, css: 12_000 };
const MAX_LAZY = 40_000;

async function main(): Promise<number> {
  const isCheck = process.argv.includes('--check');
  const dir = await mkdtemp(join(tmpdir(), 'errand-console-'));
  try {
    const built = await build({
      configFile: join(import.meta.dirname, 'vite.config.ts'),
      build: { outDir: dir, emptyOutDir: true },
    });
    const files = new Map<string, Buffer>();
    for (const name of (await readdir(dir, { recursive: true })).sort()) {
      if (/\.\w+$/.test(name)) files.set(name.replaceAll('\\', '/'), await readFile(join(dir, name)));
    }
    const sizes = sizesOf(files);
    console.log(sizes.lines.join('\n'));
    if (sizes.tooLarge.length > 0) {
      console.error(`too large, in bytes of gzip: ${sizes.tooLarge.join(', ')}`);
      return 1;
    }
    const compressed = new Map([...files].map(([name, bytes]) => [`${name}.br`, compress(bytes)]));
    compressed.set('LICENSES.txt', await licensesOf(built));
    return isCheck ? await compare(compressed) : await store(compressed);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** What the first load of each page takes: the page's script and style, and all that it names. */
function sizesOf(files: ReadonlyMap<string, Buffer>) {
  const lines: string[] = [];
  const tooLarge: string[] = [];
  const first = new Set<string>();
  for (const [page, html] of files) {
    if (!page.endsWith('.html')) continue;
    const load = { js: 0, css: 0 };
    for (const [name, bytes] of files) {
      if (name === page || !html.includes(name)) continue;
      first.add(name);
      load[kindOf(name)] += gzipped(bytes);
    }
    lines.push(`${page}: ${load.js} of ${MAX_FIRST_LOAD.js} JS, ${load.css} of ${MAX_FIRST_LOAD.css} CSS`);
    if (load.js > MAX_FIRST_LOAD.js || load.css > MAX_FIRST_LOAD.css) tooLarge.push(page);
  }
  const parts = [...files].map(([name, bytes]) => {
    const gzip = gzipped(bytes);
    if (!first.has(name) && gzip > MAX_LAZY) tooLarge.push(name);
    return `${first.has(name) ? 'first' : 'lazy '} ${String(gzip).padStart(7)} bytes of gzip  ${name}`;
  });
  return { lines: [...parts, ...lines], tooLarge };
}

function gzipped(bytes: Buffer): number {
  return gzipSync(bytes, { level: 9 }).length;
}

function kindOf(name: string): 'js' | 'css' {
  return name.endsWith('.css') ? 'css' : 'js';
}

/** The licenses of what is in the built files, by package. */
async function licensesOf(built: Awaited<ReturnType<typeof build>>): Promise<Buffer> {
  const chunks = 'output' in built ? built.output : [];
  const ids = chunks.flatMap((chunk) => (chunk.type === 'chunk' ? Object.keys(chunk.modules) : []));
  const packages = new Set(ids.flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0] ?? []));
  const texts = [...packages].sort().map(async (folder) => {
    const { name, version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
    const file = (await readdir(folder)).find((each) => /^licen[cs]e/i.test(each));
    const text = file === undefined ? `License: ${license}` : await readFile(join(folder, file), 'utf8');
    return `${name} ${version}\n\n${text.trim()}\n`;
  });
  return Buffer.from((await Promise.all(texts)).join(`\n${'-'.repeat(80)}\n\n`));
}

function compress(bytes: Buffer): Buffer {
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_SIZE_HINT } = constants;
  return brotliCompressSync(bytes, {
    params: { [BROTLI_PARAM_QUALITY]: 11, [BROTLI_PARAM_SIZE_HINT]: bytes.length },
  });
}

async function store(files: ReadonlyMap<string, Buffer>): Promise<number> {
  await rm(VENDORED, { recursive: true, force: true });
  await mkdir(join(VENDORED, 'assets'), { recursive: true });
  for (const [name, bytes] of files) await writeFile(join(VENDORED, name), bytes);
  return 0;
}

async function compare(files: ReadonlyMap<string, Buffer>): Promise<number> {
  const stored = (await readdir(VENDORED, { recursive: true })).filter((name) => /\.\w+$/.test(name));
  const wrong: string[] = [];
  for (const name of new Set([...stored, ...files.keys()])) {
    const own = await readFile(join(VENDORED, name)).catch(() => undefined);
    if (!own || !files.get(name)?.equals(own)) wrong.push(name);
  }
  if (wrong.length === 0) return 0;
  console.error(`not what the source makes; run npm run console: ${wrong.join(', ')}`);
  return 1;
}

process.exitCode = await main();
