import { fileURLToPath } from 'node:url';
import { openBus } from '@errand/bus';
import { connectionOf } from '@errand/bus/testing';
import { DEFAULT_TOPOLOGY } from '@errand/contracts';
import { createTestDatabase, type Receiver, startReceiver, startTestNats, waitUntil } from '@errand/testkit';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasBrowser, openPage, signInWith, startBrowser } from './browser.ts';
import { type Caller, createCaller } from './caller.ts';
import { type System, startSystem } from './system.ts';

const ACTIONS = fileURLToPath(new URL('./console-actions.ts', import.meta.url));
const BIG = '1970670598291982290';

const resources = new AsyncDisposableStack();
let system: System;
let receiver: Receiver;
let browser: Browser;
let natsUrl: string;

afterAll(() => resources.disposeAsync());

describe.skipIf(!hasBrowser())('in a browser', () => {
  beforeAll(async () => {
    const nats = resources.use(await startTestNats());
    const database = resources.use(await createTestDatabase());
    natsUrl = nats.url;
    system = resources.use(
      await startSystem({ natsUrl, databaseUrl: database.url }, { ERRAND_ACTIONS: ACTIONS }),
    );
    receiver = resources.use(await startReceiver());
    browser = resources.adopt(await startBrowser(), (open) => open.close());
  });

  const console = (path: string) => `${system.url}/console${path}`;
  const start = async (caller: Caller, action: string, input: object): Promise<string> => {
    const run = await caller.call('POST', `/v2/tenants/${caller.tenantId}/${action}/run`, input);
    expect(run.status).toBe(202);
    return (run.body as { job_id: string }).job_id;
  };
  const asAdmin = async (method: 'POST' | 'PUT', path: string, body: object = {}): Promise<unknown> => {
    const answer = await fetch(system.url + path, {
      method,
      headers: { authorization: `Bearer ${system.adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect(answer.ok).toBe(true);
    return answer.json();
  };
  const keyOf = async (tenantId: string) =>
    (await asAdmin('POST', `/admin/tenants/${tenantId}/keys`, { name: 'person' })) as {
      api_key: string;
      key_id: string;
    };
  const listOf = async ({ call, tenantId }: Caller) =>
    (
      (await call('GET', `/v2/tenants/${tenantId}/jobs`)).body as {
        jobs: { status: string; metadata: object }[];
      }
    ).jobs;
  /** A list that is opened shows what is in it by then; what comes later waits behind a button. */
  const untilListed = (caller: Caller, jobs: number) =>
    expect.poll(async () => (await listOf(caller)).length).toBe(jobs);
  /** A page signed in with a key of a new tenant. */
  async function tenantPage(tenantId: string) {
    const caller = resources.use(await createCaller(system, tenantId));
    const { api_key, key_id } = await keyOf(tenantId);
    const watched = await openPage(browser, system.url);
    resources.defer(() => watched.context.close());
    await signInWith(watched.page, system.url, api_key);
    return { caller, keyId: key_id, ...watched };
  }
  const statusOf = (page: Page) => page.getByRole('heading', { level: 1 });

  test('a first run: by the form, watched live to its end, told to two receivers, and told again', async () => {
    const { page, caller, faults } = await tenantPage('first');
    await caller.createWebhook({ url: `${receiver.url}/one` });
    await caller.createWebhook({ url: `${receiver.url}/two` });
    await page.getByRole('heading', { name: 'No job yet' }).waitFor();
    await page.getByRole('link', { name: 'Run quote' }).click();

    await page.getByLabel('customer_id').fill('c 1/ü');
    await page.getByLabel('order').fill('<b>8837</b>');
    await page.getByLabel('amount').fill(BIG);
    await page.getByLabel('priority').selectOption('"high"');
    await page.getByRole('button', { name: 'Add to lines' }).click();
    await page.getByLabel('sku').fill('A-1');
    await page.getByLabel('count').fill('x');
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await page.getByText('cannot be stored exactly').first().waitFor();
    await page.getByLabel('amount').fill('24350.5');
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await page.getByText('must be integer').first().waitFor();
    await page.getByLabel('count').fill('2');
    await page.getByLabel('note').fill(BIG);
    await page.getByLabel('Metadata').fill('region=west');
    await page.getByRole('button', { name: 'Run', exact: true }).click();

    await expect.poll(() => statusOf(page).textContent()).toContain('Succeeded');
    await page.getByText('region').first().waitFor();
    await page.getByRole('link', { name: 'Input' }).click();
    await page.getByText(`"${BIG}"`).waitFor();
    await page.getByText('<b>8837</b>').waitFor();
    await page
      .locator('main')
      .getByRole('link', { name: /Deliveries/ })
      .click();
    await expect.poll(() => page.getByText('Told', { exact: true }).count()).toBe(2);

    await page.getByRole('link', { name: 'job.succeeded' }).first().click();
    await page.getByRole('button', { name: 'Redeliver' }).click();
    await waitUntil(() => receiver.requests.length >= 3);
    await page.getByText('manual').first().waitFor();

    await page.getByRole('link', { name: 'Deliveries', exact: true }).click();
    await expect.poll(() => page.getByText('Told', { exact: true }).count()).toBe(2);
    await page.getByLabel('Status').selectOption('failed');
    await page.getByText('No deliveries.').waitFor();
    expect(page.url()).toContain('status=failed');
    expect(await faults([422])).toEqual([]);
  });

  test('a running job shows its progress as it goes, is canceled, and looked at as it was', async () => {
    const { page, caller, faults } = await tenantPage('walkers');
    const jobId = await start(caller, 'walk', { steps: 10_000, ms: 50 });
    await page.goto(console(`/t/walkers/jobs/${jobId}`));
    await page
      .getByText(/step \d\d/)
      .first()
      .waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await expect.poll(() => statusOf(page).textContent()).toContain('Canceled');
    await page.getByText('Final').waitFor();
    await page.getByLabel('As of').fill('1');
    await expect.poll(() => page.url()).toContain('as_of=');
    await page.locator('.asof').getByText('Running').waitFor();
    await page.reload();
    await page.locator('.asof').getByText('Running').waitFor();
    expect(await faults()).toEqual([]);
  });

  test('a failed job says why, and is run again, edited', async () => {
    const { page, caller, faults } = await tenantPage('failing');
    const jobId = await start(caller, 'refuse', { code: 'invalid_design' });
    await page.goto(console(`/t/failing/jobs/${jobId}`));
    await page.getByText('invalid_design – The roof is too steep.').waitFor();
    await page.getByRole('link', { name: 'Run again, edited' }).click();
    await page.getByLabel('code').fill('too_flat');
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await page.getByText('too_flat – The roof is too steep.').waitFor();
    await page.getByText('retry of').waitFor();
    expect(await faults()).toEqual([]);
  });

  test('a list is live: rows change in place, and new jobs wait behind a button', async () => {
    const { page, caller, faults } = await tenantPage('listed');
    const answers = Promise.withResolvers<number>();
    receiver.respond = ({ url }) => (url === '/ask' ? answers.promise : 200);
    await start(caller, 'tell', { lines: [], ask: `${receiver.url}/ask` });
    await untilListed(caller, 1);
    await page.goto(console('/t/listed/jobs'));
    await expect.poll(() => page.locator('tbody tr').count()).toBe(1);
    await page.getByText('Live', { exact: true }).waitFor();
    await page.locator('tbody').getByText('Running').waitFor();
    answers.resolve(200);
    await page.locator('tbody').getByText('Succeeded').waitFor();
    await start(caller, 'echo', { nr: 2 });
    await page.getByRole('button', { name: '1 new' }).click();
    await expect.poll(() => page.locator('tbody tr').count()).toBe(2);
    await page.getByLabel('Metadata, as name=value').fill('nobody=has');
    await page.keyboard.press('Enter');
    await page.getByText('No job matches.').waitFor();
    expect(page.url()).toContain('meta.nobody=has');
    expect(await faults()).toEqual([]);
  });

  /** The list of jobs that the page asks for is read, and on its way to the page until it is let go. */
  async function holdList(page: Page): Promise<{ read: Promise<void>; letGo: () => void }> {
    const held = Promise.withResolvers<void>();
    const read = Promise.withResolvers<void>();
    await page.route(/\/jobs\?/, async (route) => {
      // A session counts for its own page only.
      const headers = { ...route.request().headers(), 'sec-fetch-site': 'same-origin' };
      const response = await route.fetch({ headers });
      read.resolve();
      await held.promise;
      await route.fulfill({ response });
    });
    return { read: read.promise, letGo: held.resolve };
  }

  test('a list shows what happens while it is on its way', async () => {
    const { page, caller, faults } = await tenantPage('on_its_way');
    const answers = Promise.withResolvers<number>();
    receiver.respond = ({ url }) => (url === '/ask' ? answers.promise : 200);
    await start(caller, 'tell', { lines: [], ask: `${receiver.url}/ask` });
    await expect.poll(async () => (await listOf(caller)).map(({ status }) => status)).toEqual(['running']);
    const list = await holdList(page);
    await page.goto(console('/t/on_its_way/jobs'));
    await page.getByText('Live', { exact: true }).waitFor();
    await list.read;
    answers.resolve(200);
    await expect.poll(async () => (await listOf(caller)).map(({ status }) => status)).toEqual(['succeeded']);
    // The page is told of this one behind that.
    await start(caller, 'echo', {});
    await page.getByRole('button', { name: '1 new' }).waitFor();
    list.letGo();
    await page.locator('tbody').getByText('Succeeded').waitFor();
    expect(await faults()).toEqual([]);
  });

  test('a list shows what happened before the page could follow, also if it comes after that', async () => {
    const { page, caller, faults } = await tenantPage('before_that');
    const answers = Promise.withResolvers<number>();
    receiver.respond = ({ url }) => (url === '/ask' ? answers.promise : 200);
    await start(caller, 'tell', { lines: [], ask: `${receiver.url}/ask` });
    await expect.poll(async () => (await listOf(caller)).map(({ status }) => status)).toEqual(['running']);
    const list = await holdList(page);
    const followed = Promise.withResolvers<void>();
    await page.route(/\/changes$/, async (route) => {
      await followed.promise;
      await route.continue();
    });
    await page.goto(console('/t/before_that/jobs'));
    await list.read;
    answers.resolve(200);
    await expect.poll(async () => (await listOf(caller)).map(({ status }) => status)).toEqual(['succeeded']);
    followed.resolve();
    await page.getByText('Live', { exact: true }).waitFor();
    list.letGo();
    await page.locator('tbody').getByText('Succeeded').waitFor();
    expect(await faults()).toEqual([]);
  });

  test('new jobs are shown although the list is a moment behind what is told of them', async () => {
    const { page, caller, faults } = await tenantPage('behind');
    await page.goto(console('/t/behind/jobs'));
    await page.getByText('No job matches.').waitFor();
    await page.getByText('Live', { exact: true }).waitFor();
    let behind = 2;
    await page.route(/\/jobs\?/, (route) =>
      behind-- > 0 ? route.fulfill({ json: { jobs: [], next_cursor: null } }) : route.continue(),
    );
    await start(caller, 'echo', {});
    await page.getByRole('button', { name: '1 new' }).click();
    await expect.poll(() => page.locator('tbody tr').count()).toBe(1);
    expect(await faults()).toEqual([]);
  });

  test('all failed jobs are retried by one click, which is stopped, survives a reload, and goes on', async () => {
    const { page, caller, faults } = await tenantPage('in_bulk');
    const jobs = await Promise.all(Array.from({ length: 60 }, () => start(caller, 'refuse', {})));
    await start(caller, 'echo', {});
    const failed = { action: 'retry', filter: { status: ['failed'] }, dry_run: true };
    const counted = async () =>
      (await caller.call('POST', '/v2/tenants/in_bulk/bulk-actions', failed)).body as { matched: number };
    await waitUntil(async () => (await counted()).matched === jobs.length, { timeoutMs: 20_000 });
    await page.goto(console('/t/in_bulk/jobs?status=failed'));
    await page.getByRole('button', { name: 'Show more' }).waitFor();
    await page.getByRole('button', { name: /^All that match/ }).click();
    await page.getByRole('button', { name: 'Retry' }).click();
    // Behind the first few jobs it waits, for as long as those do.
    await asAdmin('PUT', '/admin/tenants/in_bulk', { limits: { max_queued: 5 } });
    await asAdmin('POST', '/admin/tenants/in_bulk/pause');
    await page.getByRole('button', { name: `Retry ${jobs.length}` }).click();
    await page.getByText('Running', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Abort' }).click();
    await page.getByText('Aborted', { exact: true }).waitFor();
    await asAdmin('PUT', '/admin/tenants/in_bulk', { limits: {} });
    await asAdmin('POST', '/admin/tenants/in_bulk/resume');
    await page.reload();
    await page.getByRole('button', { name: 'Resume' }).click();
    await page.getByText('Done', { exact: true }).waitFor();
    await page.getByText(`${jobs.length} done, 0 skipped, 0 failed`).waitFor();
    await page.getByRole('link', { name: 'Jobs', exact: true }).click();
    await page.getByLabel('Select all jobs shown').check();
    await page.getByText('Only these 50').waitFor();
    const requested = async () => {
      const { body } = await caller.call('GET', '/v2/tenants/in_bulk/stats');
      return (body as { totals: { requested: number } }).totals.requested;
    };
    await expect.poll(requested).toBe(121);
    expect(await faults()).toEqual([]);
  });

  test('a double click begins one bulk action, and a late count changes no question', async () => {
    const { page, caller, faults } = await tenantPage('in_haste');
    await Promise.all(Array.from({ length: 3 }, () => start(caller, 'refuse', {})));
    await untilListed(caller, 3);
    await page.goto(console('/t/in_haste/jobs?action=refuse'));
    await expect.poll(() => page.locator('tbody').getByText('Failed').count()).toBe(3);
    await page.getByRole('button', { name: /^All that match/ }).click();
    const held = Promise.withResolvers<void>();
    await page.route('**/bulk-actions', async (route) => {
      const { action, dry_run } = route.request().postDataJSON() ?? {};
      if (action === 'cancel' && dry_run) await held.promise;
      await route.continue();
    });
    await page.locator('.bulk').getByRole('button', { name: 'Cancel' }).click();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Retry', exact: true }).click();
    await page.getByRole('button', { name: 'Retry 3' }).waitFor();
    const late = page.waitForResponse((each) => each.request().postDataJSON()?.action === 'cancel');
    held.resolve();
    await late;
    await page.getByRole('button', { name: 'Retry 3' }).dblclick();
    await page.getByText('Done', { exact: true }).waitFor();
    const { body } = await caller.call('GET', '/v2/tenants/in_haste/bulk-actions');
    expect((body as { bulk_actions: { action: string }[] }).bulk_actions.map(({ action }) => action)).toEqual(
      ['retry'],
    );
    expect(await faults()).toEqual([]);
  });

  test('a job that is run again keeps metadata that lines could not hold', async () => {
    const { page, caller } = await tenantPage('odd_names');
    const metadata = { note: 'x\ncustomer=B', 'a=b': 'v' };
    const jobId = await start(caller, 'echo', { _job: { metadata } });
    await page.goto(console(`/t/odd_names/jobs/${jobId}`));
    await page.getByText('Final').waitFor();
    await page.getByRole('link', { name: 'Run again, edited' }).click();
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await page.getByText('retry of').waitFor();
    await untilListed(caller, 2);
    const [again] = await listOf(caller);
    expect(again?.metadata).toEqual(metadata);
  });

  test('the keyboard goes everywhere', async () => {
    const { page, caller, faults } = await tenantPage('keyboard');
    const jobId = await start(caller, 'echo', {});
    await start(caller, 'echo', {});
    await untilListed(caller, 2);
    await page.goto(console('/t/keyboard'));
    await page.getByRole('heading', { name: /Overview|No job/ }).waitFor();
    await page.keyboard.press('g');
    await page.keyboard.press('j');
    await page.getByRole('heading', { name: 'Jobs' }).waitFor();
    await expect.poll(() => page.locator('tbody tr').count()).toBe(2);
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await page.getByText(jobId).first().waitFor();
    await page.keyboard.press('?');
    await page.getByRole('heading', { name: 'Keyboard' }).waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('/');
    await page.keyboard.type(jobId);
    await page.keyboard.press('Enter');
    await page.getByText(jobId).first().waitFor();
    expect(await faults([404])).toEqual([]);
  });

  test('an operator makes and revokes a key, whose session ends; rebuilds, verifies, and redrives a dead letter', async () => {
    const caller = resources.use(await createCaller(system, 'operated'));
    const jobId = await start(caller, 'echo', { nr: 1 });
    await untilListed(caller, 1);
    const admin = await openPage(browser, system.url);
    resources.defer(() => admin.context.close());
    await signInWith(admin.page, system.url, system.adminKey);
    const { page } = admin;
    await page.getByRole('link', { name: 'operated' }).click();
    await page.getByRole('link', { name: 'Keys and limits' }).click();
    await page.getByLabel('Name of a new key').fill('support');
    await page.getByRole('button', { name: 'Make a key' }).click();
    const key = (await page.locator('.note pre').textContent())?.trim() ?? '';
    expect(key).toMatch(/^errand_/);

    const other = await openPage(browser, system.url);
    resources.defer(() => other.context.close());
    await signInWith(other.page, system.url, key);
    await other.page.goto(console('/t/operated/jobs'));
    await expect.poll(() => other.page.locator('tbody tr').count()).toBe(1);
    page.once('dialog', (dialog) => void dialog.accept());
    await page.getByRole('button', { name: 'Revoke support' }).click();
    await expect.poll(() => page.getByRole('button', { name: 'Revoke support' }).count()).toBe(0);
    await other.page.getByRole('link', { name: 'Actions', exact: true }).click();
    await other.page.getByRole('button', { name: 'Sign in' }).waitFor();

    await page.getByRole('link', { name: 'Rebuild' }).click();
    await page.getByRole('button', { name: 'Rebuild' }).click();
    await page.getByText(/^done, begun/).waitFor({ timeout: 60_000 });
    await page.getByRole('link', { name: 'Verify' }).click();
    await page.getByRole('button', { name: 'Verify' }).click();
    await page.getByText('Everything holds').waitFor({ timeout: 60_000 });

    // Nobody can read it as an event.
    await using bus = await openBus({ servers: natsUrl, name: 'e2e', topology: DEFAULT_TOPOLOGY });
    connectionOf(bus).publish(`jobs.operated.echo.${jobId}.progressed`, '<script>alert(1)</script>');
    await page.getByRole('link', { name: 'Dead letters' }).click();
    await page.getByText(`jobs.operated.echo.${jobId}.progressed`).first().waitFor();
    const parked = page.getByRole('button', { name: /Redrive/ });
    const first = await parked.first().textContent();
    await parked.first().click();
    await expect.poll(() => parked.first().textContent()).not.toBe(first);
    await page
      .getByRole('button', { name: /Discard/ })
      .first()
      .waitFor();
    await page.getByRole('link', { name: 'Executors' }).click();
    await page.getByText('echo').first().waitFor();
    expect(await admin.faults([404])).toEqual([]);
  });

  test('a link leads to no call but those of its page', async () => {
    const caller = resources.use(await createCaller(system, 'lured'));
    // What looks like a job, and names as its id a way to another tenant.
    const jobId = await start(caller, 'echo', {
      job_id: '../../../../admin/tenants/first/pause#',
      status: 'running',
    });
    const { page, context, faults } = await openPage(browser, system.url);
    resources.defer(() => context.close());
    await signInWith(page, system.url, system.adminKey);
    const lures = [
      `/t/lured/jobs/${jobId}%2Finput%23`,
      `/t/lured%2Fjobs%2F${jobId}%2Finput%23/actions/nightly/run`,
      `/t/..%2F..%2Fv2%2Ftenants%2Flured%2Fjobs%2F${jobId}%2Finput%23/keys`,
      `/t/lured/schedules/sch_%2F..%2F..%23`,
      `/t/lured/webhooks/..%2F..%2F..`,
      `/t/lured/deliveries/x%2F..`,
      `/t/lured/bulk/..`,
    ];
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    for (const lure of lures) {
      await page.goto(console(lure));
      await page.getByRole('heading', { level: 1 }).waitFor();
    }
    expect(
      asked.filter((url) => /%2F|%23|\.\.|pause/.test(new URL(url).pathname) && !url.includes('/console')),
    ).toEqual([]);
    expect(await faults()).toEqual([]);
  });

  test('a tenant makes, replaces and revokes keys that may do no more than its own', async () => {
    const { page, faults } = await tenantPage('keyed');
    await page.goto(console('/t/keyed/keys'));
    await page.getByLabel('Name of a new key').fill('robot');
    for (const scope of ['jobs:read', 'keys:write']) await page.getByLabel(scope).check();
    await page.getByRole('button', { name: 'Make a key' }).click();
    const key = (await page.locator('.note pre').textContent())?.trim() ?? '';

    const robot = await openPage(browser, system.url);
    resources.defer(() => robot.context.close());
    await signInWith(robot.page, system.url, key);
    await robot.page.goto(console('/t/keyed/keys'));
    await robot.page.getByRole('button', { name: 'Rotate robot' }).waitFor();
    expect(await robot.page.getByRole('checkbox').count()).toBe(2);
    expect(await robot.page.getByRole('button', { name: 'Revoke person' }).count()).toBe(0);

    page.once('dialog', (dialog) => void dialog.accept());
    await page.getByRole('button', { name: 'Rotate robot' }).click();
    await expect.poll(() => page.getByRole('button', { name: 'Rotate robot' }).count()).toBe(2);
    page.once('dialog', (dialog) => void dialog.accept());
    await page.getByRole('button', { name: 'Revoke robot' }).first().click();
    await expect.poll(() => page.getByRole('button', { name: 'Revoke robot' }).count()).toBe(1);
    await robot.page.getByRole('link', { name: 'Actions', exact: true }).click();
    await robot.page.getByRole('button', { name: 'Sign in' }).waitFor();
    expect(await faults()).toEqual([]);
  });

  test('a link signs in once', async () => {
    const made = await fetch(`${system.url}/admin/sign-in-codes`, {
      method: 'POST',
      headers: { authorization: `Bearer ${system.adminKey}` },
    });
    const { path } = (await made.json()) as { path: string };
    const { page, context } = await openPage(browser, system.url);
    resources.defer(() => context.close());
    await page.goto(system.url + path);
    await page.getByRole('heading', { name: 'Tenants' }).waitFor();
    expect(page.url()).not.toContain('code');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
    await page.goto('about:blank');
    await page.goto(system.url + path);
    await page.getByText('The key or code is not valid.').waitFor();
  });

  test('a console that was left open over a restart of every service shows the truth again by itself', async () => {
    const { page, caller } = await tenantPage('restarted');
    const answers = Promise.withResolvers<number>();
    receiver.respond = ({ url }) => (url === '/ask' ? answers.promise : 200);
    // It runs for as long as nobody answers it.
    const jobId = await start(caller, 'tell', { lines: [], ask: `${receiver.url}/ask` });
    await page.goto(console(`/t/restarted/jobs/${jobId}`));
    await expect.poll(() => statusOf(page).textContent()).toContain('Running');
    for (const name of ['gateway', 'scheduler', 'executor', 'projection', 'webhooks'] as const)
      await system.kill(name);
    answers.resolve(200);
    await system.ready();
    await expect.poll(() => statusOf(page).textContent(), { timeout: 60_000 }).toContain('Succeeded');
    await page.getByText('Final').waitFor({ timeout: 30_000 });
  });
});
