import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@errand/local-servers';
import { expect } from 'vitest';
import type { LocalFile } from '../../dev/data/local-file.ts';
import { buildPackage } from '../../tools/packages/build-package.ts';
import { bundle } from '../../tools/packages/bundle.ts';
import { validated } from '../contract/validating-proxy.ts';
import { createDevFolder, startDevSystem } from '../e2e/dev-system.ts';
import type { Targets } from './contract-case.ts';
import type { CaseOutcome } from './contract-suite.ts';
import { servePage, type TestPage } from './runtimes.ts';
import { startScriptedServer } from './scripted-server.ts';

/** The suite as one ES module with the client as it is published, and everything that it calls. */
export interface ClientSuite extends AsyncDisposable {
  /** The folder of the built client's package; its parent is also removed in the end. */
  readonly package: string;
  readonly file: string;
  readonly targets: Targets;
  /** A page whose origin may call the system. */
  readonly page: TestPage;
}

export async function startClientSuite(): Promise<ClientSuite> {
  await using resources = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), 'errand-client-'));
  resources.defer(() => rm(dir, { recursive: true }));
  const client = await buildPackage('@errand/client', join(dir, 'client'));
  const suite = join(import.meta.dirname, 'contract-suite.ts');
  const { code } = await bundle(suite, { aliases: { '@errand/client': join(client, 'dist', 'index.js') } });
  const file = join(dir, 'suite.mjs');
  await writeFile(file, code);
  const page = resources.use(await servePage(code));

  const folder = await createDevFolder();
  await mkdir(join(folder, 'actions'));
  await copyFile(join(import.meta.dirname, 'actions.ts'), join(folder, 'actions', 'suite.ts'));
  resources.use(await startDevSystem(folder, { ERRAND_CORS_ORIGINS: page.origin }));
  const local = JSON.parse(await readFile(join(folder, '.errand', 'local.json'), 'utf8')) as LocalFile;
  const front = resources.use(await validated(local.url, ['shout', 'refuse']));
  const targets = {
    url: front.url,
    tenant: local.tenant_id,
    apiKey: local.api_key,
    scriptedUrl: resources.use(await startScriptedServer()).url,
    deadUrl: `http://127.0.0.1:${await freePort()}`,
  };
  const held = resources.move();
  return { package: client, file, targets, page, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

export function expectAllToHold(outcomes: CaseOutcome[]): void {
  expect(outcomes.filter(({ failure }) => failure !== null)).toEqual([]);
  expect(outcomes.length).toBeGreaterThan(70);
}
