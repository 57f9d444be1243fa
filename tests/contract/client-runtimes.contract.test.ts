import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, test } from 'vitest';
import { type ClientSuite, expectAllToHold, startClientSuite } from '../client/client-suite.ts';
import { runInDeno, runInNode } from '../client/runtimes.ts';
import { TOOLS } from './tools.ts';

/* The client's suite in third-party runtimes. Their packages bring a program for each platform that they support. */

const PACKAGES = join(TOOLS, 'node_modules');
const PLATFORM = `${process.platform}-${process.arch}`;

/** Path of the program by platform: glibc Linux, macOS. */
const DENO: Readonly<Record<string, string>> = {
  'linux-x64': '@deno/linux-x64-glibc/deno',
  'linux-arm64': '@deno/linux-arm64-glibc/deno',
  'darwin-x64': '@deno/darwin-x64/deno',
  'darwin-arm64': '@deno/darwin-arm64/deno',
};
const BUN: Readonly<Record<string, string>> = {
  'linux-x64': '@oven/bun-linux-x64/bin/bun',
  'linux-arm64': '@oven/bun-linux-aarch64/bin/bun',
  'darwin-x64': '@oven/bun-darwin-x64/bin/bun',
  'darwin-arm64': '@oven/bun-darwin-aarch64/bin/bun',
};

function find(runtime: string, places: Readonly<Record<string, string>>): string | undefined {
  const place = places[PLATFORM];
  const file = place && join(PACKAGES, place);
  if (file && existsSync(file)) return file;
  console.log(`SKIPPED: the client in ${runtime}: its package has no program for ${PLATFORM}`);
  return undefined;
}

const deno = find('Deno', DENO);
const bun = find('Bun', BUN);

const resources = new AsyncDisposableStack();
let suite: ClientSuite;

beforeAll(async () => {
  suite = resources.use(await startClientSuite());
});
afterAll(() => resources.disposeAsync());

test.skipIf(!deno)('the client passes all cases in Deno', async () => {
  expectAllToHold(await runInDeno(deno ?? '', suite.file, suite.targets));
});

test.skipIf(!bun)('the client passes all cases in Bun', async () => {
  expectAllToHold(await runInNode(bun ?? '', suite.file, suite.targets));
});
