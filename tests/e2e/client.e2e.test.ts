import { execFile } from 'node:child_process';
import { lstat, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundle } from '../../tools/packages/bundle.ts';
import { packPackage } from '../../tools/packages/pack-package.ts';
import { type ClientSuite, expectAllToHold, startClientSuite } from '../client/client-suite.ts';
import { findSystemNode, runInChromium, runInNode, whyNoChromium } from '../client/runtimes.ts';

/*
 * One suite, on the client as it is published, in each runtime that it is made for. Runtimes missing on this machine
 * are skipped with a message.
 */

const noChromium = await whyNoChromium();
const systemNode = await findSystemNode();
if (noChromium) console.log(`SKIPPED: the client in a browser: ${noChromium}`);
if (!systemNode) console.log("SKIPPED: the client in the machine's own Node: there is none on the PATH");

const resources = new AsyncDisposableStack();
let suite: ClientSuite;

beforeAll(async () => {
  suite = resources.use(await startClientSuite());
});
afterAll(() => resources.disposeAsync());

const PROGRAM = `
import { createErrand, ErrandError, unwrap } from '@errand/client';
const errand = createErrand({ url: 'http://localhost', tenant: 't', apiKey: 'k' });
const job = await errand.run('anything', { a: 1 }, { resource: { b: 'c' } });
for await (const { version } of errand.events(job)) version.toFixed();
export const failed = (await errand.wait(job)).status === 'failed' || ErrandError.name === '';
interface Actions {
  shout: { input: { text: string }; result: { text: string }; resource: { room: string } };
}
const typed = createErrand<Actions>({ url: 'http://localhost', tenant: 't', apiKey: 'k' });
const resource = { room: '1' };
const shouted = await typed.run('shout', { text: 'a' }, { resource });
unwrap(await typed.wait(shouted)).text.trim();
(await typed.output(shouted)).text.trim();
(await typed.call('shout', { text: 'a' }, { resource, timeoutMs: 1 })).text.trim();
// @ts-expect-error not a member of the result
(await typed.call('shout', { text: 'a' }, { resource })).words;
// @ts-expect-error without its resource
await typed.call('shout', { text: 'a' });
// @ts-expect-error there is no such option of a run
await typed.run('shout', { text: 'a' }, { resource, metdata: {} });
// @ts-expect-error nor of a run of any action
await errand.run('anything', {}, { metdata: {} });
// @ts-expect-error an input is no item of a batch
await errand.runBatch('anything', [{ greeting: 'a' }]);
// @ts-expect-error nor is it beside one
await errand.runBatch('anything', [{ input: {}, metdata: {} }]);
// @ts-expect-error there is no such option
createErrand({ url: 'http://localhost', tenant: 't', apiKey: 'k', speed: 1 });
`;

describe('the built client', () => {
  test('imports nothing', async () => {
    const { imports } = await bundle(join(suite.package, 'dist', 'index.js'));
    expect(imports).toEqual([]);
  });

  test('has types that name each other as they are shipped', async () => {
    const files = await readdir(suite.package, { recursive: true });
    const types = files.filter((each) => each.endsWith('.d.ts'));
    const texts = await Promise.all(types.map((each) => readFile(join(suite.package, each), 'utf8')));
    expect(types).toContain('dist/index.d.ts');
    expect(texts.join('\n')).not.toMatch(/\.ts['"]/);
  });

  test('is installed as a copy, with types that a separate project can use', async () => {
    const project = join(suite.package, '..', 'project');
    await mkdir(project);
    await writeFile(join(project, 'package.json'), '{"private": true}');
    const install = ['install', '--offline', '--no-audit', '--no-fund', await packPackage(suite.package)];
    await promisify(execFile)('npm', install, { cwd: project });
    const installed = await lstat(join(project, 'node_modules', '@errand', 'client'));
    expect(installed.isSymbolicLink()).toBe(false);
    await writeFile(join(project, 'program.mts'), PROGRAM);
    const options = ['--noEmit', '--strict', '--target', 'es2022', '--lib', 'es2022,dom,dom.asynciterable'];
    for (const module of ['nodenext', 'preserve']) {
      const args = [...options, '--types', '', '--module', module, 'program.mts'];
      const said = await promisify(execFile)('tsc', args, { cwd: project }).catch((error) => error);
      expect(said.stdout).toBe('');
    }
  });

  test('passes all cases in the Node of this repository', async () => {
    expectAllToHold(await runInNode(process.execPath, suite.file, suite.targets));
  });

  test.skipIf(!systemNode)(`holds all cases in the machine's own Node, ${systemNode?.version}`, async () => {
    expectAllToHold(await runInNode(systemNode?.path ?? '', suite.file, suite.targets));
  });

  test.skipIf(noChromium)(
    'passes all cases in a page of headless Chromium, from another origin',
    async () => {
      expectAllToHold(await runInChromium(suite.page.origin, suite.targets));
    },
  );
});
