import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@errand/local-servers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildClient } from '../client-package/build-client.ts';
import { bundle } from '../client-package/bundle.ts';
import type { LocalFile } from '../local/local-file.ts';
import type { Targets } from './client/contract-case.ts';
import type { CaseOutcome } from './client/contract-suite.ts';
import {
  nodeVersion,
  runInChromium,
  runInNode,
  servePage,
  type TestPage,
  whyNoChromium,
} from './client/runtimes.ts';
import { startScriptedServer } from './client/scripted-server.ts';
import { createDevFolder, startDevSystem } from './dev-system.ts';

/*
 * One suite, on the client as it is published, in each runtime that it is made for. A runtime that this machine lacks is
 * skipped with a word.
 */

const SYSTEM_NODE = process.env.ERRAND_TEST_NODE || '/usr/bin/node';
const noChromium = await whyNoChromium();
const systemNode = await nodeVersion(SYSTEM_NODE);
if (noChromium) console.log(`SKIPPED: the client in a browser: ${noChromium}`);
if (!systemNode) console.log(`SKIPPED: the client in the machine's own Node: there is no ${SYSTEM_NODE}`);

const resources = new AsyncDisposableStack();
let dist: string;
let suiteFile: string;
let page: TestPage;
let targets: Targets;

beforeAll(async () => {
  const dir = await mkdtemp(join(tmpdir(), 'errand-client-'));
  resources.defer(() => rm(dir, { recursive: true }));
  dist = await buildClient(join(dir, 'client'));
  const suite = join(import.meta.dirname, 'client', 'contract-suite.ts');
  const { code } = await bundle(suite, { aliases: { '@errand/client': join(dist, 'index.js') } });
  suiteFile = join(dir, 'suite.mjs');
  await writeFile(suiteFile, code);
  page = resources.use(await servePage(code));

  const folder = await createDevFolder();
  await mkdir(join(folder, 'actions'));
  await copyFile(join(import.meta.dirname, 'client', 'actions.ts'), join(folder, 'actions', 'suite.ts'));
  resources.use(await startDevSystem(folder, { ERRAND_CORS_ORIGINS: page.origin }));
  const local = JSON.parse(await readFile(join(folder, '.errand', 'local.json'), 'utf8')) as LocalFile;
  targets = {
    ...{ url: local.url, tenant: local.tenant_id, apiKey: local.api_key },
    scriptedUrl: resources.use(await startScriptedServer()).url,
    deadUrl: `http://127.0.0.1:${await freePort()}`,
  };
});
afterAll(() => resources.disposeAsync());

function expectAllToHold(outcomes: CaseOutcome[]): void {
  expect(outcomes.filter(({ failure }) => failure !== null)).toEqual([]);
  expect(outcomes.length).toBeGreaterThan(40);
}

describe('the built client', () => {
  test('imports nothing', async () => {
    const { imports } = await bundle(join(dist, 'index.js'));
    expect(imports).toEqual([]);
  });

  test('holds all cases in the Node of this repository', async () => {
    expectAllToHold(await runInNode(process.execPath, suiteFile, targets));
  });

  test.skipIf(!systemNode)(`holds all cases in the machine's own Node, ${systemNode}`, async () => {
    expectAllToHold(await runInNode(SYSTEM_NODE, suiteFile, targets));
  });

  test.skipIf(noChromium)('holds all cases in a page of headless Chromium, of another origin', async () => {
    expectAllToHold(await runInChromium(page.origin, targets));
  });
});
