import { fileURLToPath } from 'node:url';
import AxeBuilder from '@axe-core/playwright';
import {
  createTestDatabase,
  type OpenidProvider,
  startOpenidProvider,
  startTestNats,
  TEST_CLIENT,
} from '@errand/testkit';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasBrowser, openPage, startBrowser } from './browser.ts';
import { createCaller } from './caller.ts';
import { type System, startSystem } from './system.ts';

const ACTIONS = fileURLToPath(new URL('./console-actions.ts', import.meta.url));

const resources = new AsyncDisposableStack();
let system: System;
let provider: OpenidProvider;
let browser: Browser;

afterAll(() => resources.disposeAsync());

describe.skipIf(!hasBrowser())('in a browser', () => {
  beforeAll(async () => {
    provider = resources.use(
      await startOpenidProvider({ vera: { tenants: ['seen', 'lent:operator'] }, nora: { tenants: [] } }),
    );
    const nats = resources.use(await startTestNats());
    const database = resources.use(await createTestDatabase());
    system = resources.use(
      await startSystem(
        { natsUrl: nats.url, databaseUrl: database.url },
        {
          ERRAND_ACTIONS: ACTIONS,
          ERRAND_OIDC_ISSUER: provider.issuer,
          ERRAND_OIDC_CLIENT_ID: TEST_CLIENT.id,
          ERRAND_OIDC_CLIENT_SECRET: TEST_CLIENT.secret,
          ERRAND_OIDC_TENANT_CLAIM: 'tenants',
          ERRAND_OIDC_LABEL: 'Example',
        },
      ),
    );
    await provider.serve([`${system.url}/console/sign-in`]);
    browser = resources.adopt(await startBrowser(), (open) => open.close());
  });

  /** A page that also goes to the provider, whose own page asks another server for a font. */
  async function open() {
    const watched = await openPage(browser, system.url);
    resources.defer(() => watched.context.close());
    await watched.context.route(/fonts\.googleapis\.com/, (route) => route.abort());
    const faults = async () =>
      (await watched.faults()).filter(
        (fault) => !fault.startsWith(`outside request: ${provider.issuer}`) && !fault.includes('fonts.'),
      );
    const signIn = async (login: string) => {
      await watched.page.getByRole('button', { name: 'Sign in with Example' }).click();
      await watched.page.getByPlaceholder('Enter any login').fill(login);
      await watched.page.getByPlaceholder('and password').fill('any');
      await watched.page.getByRole('button', { name: 'Sign-in' }).click();
    };
    return { ...watched, faults, signIn };
  }

  test('somebody signs in at the provider, comes back to the page that was asked for, and changes the tenant', async () => {
    const [seen, lent] = [await createCaller(system, 'seen'), await createCaller(system, 'lent')];
    for (const caller of [resources.use(seen), resources.use(lent)]) {
      const run = await caller.call('POST', `/v2/tenants/${caller.tenantId}/echo/run`, {});
      expect(run.status).toBe(202);
      // A list that is opened shows what is in it by then.
      const listed = async () =>
        (await caller.call('GET', `/v2/tenants/${caller.tenantId}/jobs`)).body as { jobs: unknown[] };
      await expect.poll(async () => (await listed()).jobs.length).toBe(1);
    }
    const { page, faults, signIn } = await open();
    await page.goto(`${system.url}/console/t/seen/jobs`);
    await page.getByRole('button', { name: 'Sign in with Example' }).waitFor();
    expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
    await signIn('vera');
    await expect.poll(() => page.locator('tbody tr').count()).toBe(1);
    expect(page.url()).toBe(`${system.url}/console/t/seen/jobs`);
    for (const cookie of await page.context().cookies(system.url)) {
      expect(cookie).toMatchObject({
        name: expect.stringMatching(/^errand_/),
        httpOnly: true,
        sameSite: 'Strict',
      });
    }
    expect(await page.getByRole('link', { name: 'Run an action' }).count()).toBe(0);
    await page.getByLabel('Tenant').selectOption('lent');
    await page.getByRole('link', { name: 'Jobs', exact: true }).click();
    await page.getByRole('link', { name: 'Run an action' }).waitFor();
    await expect.poll(() => page.locator('tbody tr').count()).toBe(1);
    expect(page.url()).toContain('/t/lent/jobs');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'Sign in with Example' }).waitFor();
    expect(await faults()).toEqual([]);
  });

  test('who has no rights here, or cancels, is told so where the sign-in began', async () => {
    const { page, signIn } = await open();
    await page.goto(`${system.url}/console/`);
    await signIn('nora');
    await page.getByText('Your ID token gives you no rights here: tenants lists no tenant.').waitFor();
    expect(page.url()).toBe(`${system.url}/console/sign-in`);
    await page.context().clearCookies();
    await page.getByRole('button', { name: 'Sign in with Example' }).click();
    await page.getByRole('link', { name: 'Cancel' }).click();
    await page.getByText('The provider refused: access_denied').waitFor();
  });
});
