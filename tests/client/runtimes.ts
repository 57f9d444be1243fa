import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { access } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import type { Targets } from './contract-case.ts';
import type { CaseOutcome } from './contract-suite.ts';

/* The runtimes of the suite: each loads it as one ES module. */

const CHROMIUM = process.env.ERRAND_TEST_CHROMIUM || '/usr/bin/chromium';
const CHROMIUM_FLAGS = [
  '--no-sandbox',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const SUITE_MS = 110_000;

/** In a process of Node, or of Bun, which takes the same arguments. */
export function runInNode(node: string, suiteFile: string, targets: Targets): Promise<CaseOutcome[]> {
  const script = scriptWith('process.argv.slice(1)');
  return run(node, ['--input-type=module', '-e', script, '--', suiteFile, JSON.stringify(targets)]);
}

export function runInDeno(deno: string, suiteFile: string, targets: Targets): Promise<CaseOutcome[]> {
  return run(deno, ['eval', scriptWith('Deno.args'), suiteFile, JSON.stringify(targets)]);
}

function scriptWith(words: string): string {
  return `const [file, targets] = ${words};
    const { runSuite } = await import(file);
    console.log(JSON.stringify(await runSuite(JSON.parse(targets))));`;
}

async function run(program: string, args: readonly string[]): Promise<CaseOutcome[]> {
  const { stdout } = await promisify(execFile)(program, args, { timeout: SUITE_MS, maxBuffer: 10_000_000 });
  return JSON.parse(stdout) as CaseOutcome[];
}

/** The machine's own Node, apart from the repository's, and its version; undefined if it has none. */
export async function findSystemNode(): Promise<{ path: string; version: string } | undefined> {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((each) => !each.includes('node_modules'));
  for (const path of folders.map((folder) => join(folder, 'node'))) {
    try {
      return { path, version: (await promisify(execFile)(path, ['--version'])).stdout.trim() };
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

/** Why there is no browser, or undefined. */
export async function whyNoChromium(): Promise<string | undefined> {
  try {
    await access(CHROMIUM);
    return undefined;
  } catch {
    return `there is no ${CHROMIUM}; set ERRAND_TEST_CHROMIUM, or apt-get install chromium`;
  }
}

/** The origin of the page that the suite runs in, and the page. */
export interface TestPage extends AsyncDisposable {
  readonly origin: string;
}

/** Serves an empty page and the suite's module. */
export async function servePage(suiteCode: string): Promise<TestPage> {
  const server = createServer((request, response) => {
    const isSuite = request.url === '/suite.js';
    response.setHeader('content-type', isSuite ? 'text/javascript' : 'text/html');
    response.end(isSuite ? suiteCode : '<!doctype html><title>suite</title>');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** In a page of headless Chromium, whose origin differs from those that it calls. */
export async function runInChromium(origin: string, targets: Targets): Promise<CaseOutcome[]> {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS });
  try {
    const page = await browser.newPage();
    await page.goto(origin);
    // As text: the tool that loads this file rewrites imports inside functions.
    const json = await page.evaluate<string>(
      `import('/suite.js').then(({ runSuite }) => runSuite(${JSON.stringify(targets)})).then(JSON.stringify)`,
    );
    return JSON.parse(json) as CaseOutcome[];
  } finally {
    await browser.close();
  }
}
