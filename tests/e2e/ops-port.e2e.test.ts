import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '@errand/local-servers';
import { createTestDatabase, startTestNats } from '@errand/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasBrowser, openPage, signInWith, startBrowser } from './browser.ts';
import { runErrand } from './errand-command.ts';
import { type System, startSystem } from './system.ts';

/* A system that serves admins on a port of their own, as its operator uses it: with the command, and in a browser. */

const resources = new AsyncDisposableStack();
let system: System;
let opsUrl: string;
let dir: string;
let apiKey: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'errand-ops-'));
  resources.defer(() => rm(dir, { recursive: true }));
  const { url: natsUrl } = resources.use(await startTestNats());
  const { url: databaseUrl } = resources.use(await createTestDatabase());
  const port = await freePort();
  opsUrl = `http://127.0.0.1:${port}`;
  system = resources.use(
    await startSystem(
      { natsUrl, databaseUrl },
      {
        ERRAND_OPS_PORT: String(port),
        ERRAND_ADMIN_ON_OPS_PORT: 'true',
        ERRAND_ACTIONS: fileURLToPath(new URL('./console-actions.ts', import.meta.url)),
      },
    ),
  );
  expect(await errand('tenants', 'put', 'operated')).toMatchObject({ code: 0 });
  apiKey = (JSON.parse((await errand('keys', 'create', 'own', '--json')).stdout) as { api_key: string })
    .api_key;
});
afterAll(() => resources.disposeAsync());

/** As an operator who has told the command of both addresses. */
function errand(...args: string[]) {
  return errandAt({ ERRAND_ADMIN_URL: opsUrl }, ...args);
}

function errandAt(env: Record<string, string>, ...args: string[]) {
  const both = {
    ERRAND_URL: system.url,
    ERRAND_ADMIN_KEY: system.adminKey,
    ERRAND_TENANT: 'operated',
    HOME: dir,
  };
  return runErrand({ ...both, ...env }, args, { cwd: dir });
}

test('the command operates the system there, and runs jobs at the port of the API', async () => {
  const env = { ERRAND_ADMIN_URL: opsUrl, ERRAND_API_KEY: apiKey };
  expect(await errandAt(env, 'run', 'echo', '--input', '{"nr":1}', '--wait')).toMatchObject({ code: 0 });
  for (const words of ['verify', 'dead-letters', 'demand', 'keys list', 'audit export --out audit.jsonl']) {
    expect([words, (await errand(...words.split(' '))).code]).toEqual([words, 0]);
  }
});

test('the command is told of no such address, and says so', async () => {
  const { code, stderr } = await errandAt({}, 'tenants', 'list');
  expect([code, stderr]).toEqual([
    4,
    `errand: ${system.url} does not serve this (the address is from ERRAND_URL); if its gateway has another port for admins, set ERRAND_ADMIN_URL\n`,
  ]);
});

describe.skipIf(!hasBrowser())('in a browser', () => {
  test('an admin signs in there by a link, and has the whole console', async () => {
    await using browser = await startBrowser();
    const { url } = JSON.parse((await errand('sign-in', '--json')).stdout) as { url: string };
    expect(url.startsWith(`${opsUrl}/console/`)).toBe(true);
    const { page, faults } = await openPage(browser, opsUrl);
    await page.goto(url);
    await page.getByRole('link', { name: 'operated' }).click();
    await page.getByRole('link', { name: 'Jobs', exact: true }).click();
    await page.locator('tbody').getByText('succeeded').first().waitFor();
    await page.getByRole('link', { name: 'Executors' }).click();
    await page.getByText('echo').first().waitFor();
    expect(await faults()).toEqual([]);
  });

  test('at the port of the API a tenant signs in, and the admin key is refused', async () => {
    await using browser = await startBrowser();
    const { page, faults } = await openPage(browser, system.url);
    await page.goto(`${system.url}/console/`);
    await page.getByLabel('API key, or the admin key').fill(system.adminKey);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('Admins are served on the ops port only.').waitFor();
    await signInWith(page, system.url, apiKey);
    expect(await faults([401])).toEqual([]);
  });
});
