import { fileURLToPath } from 'node:url';
import { createTestDatabase, startTestNats, waitUntil } from '@errand/testkit';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasBrowser, openPage, signInWith, startBrowser } from './browser.ts';
import { type Caller, createCaller } from './caller.ts';
import { type System, startSystem } from './system.ts';

const ACTIONS = fileURLToPath(new URL('./console-actions.ts', import.meta.url));
const LEAST_S = 2;
const BIG = '1970670598291982290';

const resources = new AsyncDisposableStack();
let system: System;
let browser: Browser;

afterAll(() => resources.disposeAsync());

describe.skipIf(!hasBrowser())('in a browser', () => {
  beforeAll(async () => {
    const nats = resources.use(await startTestNats());
    const database = resources.use(await createTestDatabase());
    const servers = { natsUrl: nats.url, databaseUrl: database.url };
    const settings = { ERRAND_ACTIONS: ACTIONS, ERRAND_SCHEDULE_MIN_EVERY_S: String(LEAST_S) };
    system = resources.use(await startSystem(servers, settings));
    browser = resources.adopt(await startBrowser(), (open) => open.close());
  });

  const console = (path: string) => `${system.url}/console${path}`;
  const asAdmin = async (method: string, path: string, body: object): Promise<unknown> => {
    const answer = await fetch(system.url + path, {
      method,
      headers: { authorization: `Bearer ${system.adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect(answer.ok).toBe(true);
    return answer.json();
  };
  /** A page signed in with a new key of a tenant; it may do everything there, or what `scopes` say. */
  async function pageOf(tenantId: string, scopes?: readonly string[]) {
    const made = await asAdmin('POST', `/admin/tenants/${tenantId}/keys`, { name: 'person', scopes });
    const watched = await openPage(browser, system.url);
    resources.defer(() => watched.context.close());
    await signInWith(watched.page, system.url, (made as { api_key: string }).api_key);
    return watched;
  }
  async function tenant(tenantId: string): Promise<Caller> {
    return resources.use(await createCaller(system, tenantId));
  }
  async function makeSchedule(caller: Caller, about: object): Promise<string> {
    const { status, body } = await caller.call('POST', `/v2/tenants/${caller.tenantId}/schedules`, about);
    expect(status, JSON.stringify(body)).toBe(201);
    return (body as { schedule_id: string }).schedule_id;
  }
  const heading = (page: Page) => page.getByRole('heading', { level: 1 });
  /** A field of a form, with what is said about it. */
  const field = (page: Page, label: string) => page.locator('.field', { has: page.getByLabel(label) });

  test('a schedule is made by its form, runs its first job, is paused, changed, run at once and deleted', {
    timeout: 180_000,
  }, async () => {
    await tenant('clocked');
    const { page, faults } = await pageOf('clocked');
    await page.keyboard.press('g');
    await page.keyboard.press('s');
    await page.getByText('No schedule.').waitFor();
    await page.getByRole('link', { name: 'New schedule' }).click();

    await page.getByLabel('Action').selectOption('"quote"');
    await page.getByRole('button', { name: 'Every so many seconds' }).click();
    await page.getByLabel('Seconds between two ticks').fill('1');
    await field(page, 'Seconds between two ticks').getByText(`must be at least ${LEAST_S}`).waitFor();
    await page.getByLabel('Seconds between two ticks').fill(String(LEAST_S));
    await page.getByLabel('customer_id').fill('c 1/ü');
    await page.getByLabel('order').fill('<b>8837</b>');
    await page.getByLabel('amount').fill(BIG);
    await page.getByLabel('priority required').selectOption('"high"');
    await page.getByRole('button', { name: 'Add to lines' }).click();
    await page.getByLabel('sku').fill('A-1');
    await page.getByLabel('count').fill('2');
    await field(page, 'amount').getByText('cannot be stored exactly').waitFor();
    await page.getByLabel('amount').fill('24350.5');
    await page.getByLabel('note').fill(BIG);
    await page.getByLabel('Priority 1 to 9').fill('11');
    await page.getByLabel('Metadata').fill('{"region": 7}');
    await field(page, 'Metadata').getByText('region: ').waitFor();
    await page.getByLabel('Metadata').fill('{"region": "west"}');
    await field(page, 'Priority 1 to 9').locator('.wrong').waitFor();
    await page.getByLabel('Priority 1 to 9').fill('7');
    await page.getByLabel('External id').fill('often');
    await expect
      .poll(() => page.getByRole('region', { name: 'Next ticks' }).locator('tbody tr').count())
      .toBe(10);
    await page.getByRole('button', { name: 'Make the schedule' }).click();

    await expect.poll(() => heading(page).textContent()).toContain('often');
    await page.getByText(`every ${LEAST_S} s`).waitFor();
    await page.getByText(`"note": "${BIG}"`).waitFor();
    await page.getByText('Requested', { exact: true }).waitFor();
    await page.getByRole('link', { name: 'Last job' }).click();
    await expect.poll(() => heading(page).textContent()).toContain('Succeeded');
    await page.getByText('west').first().waitFor();
    await page.getByRole('link', { name: /^sch_/ }).click();

    await page.getByRole('button', { name: 'Pause' }).click();
    await expect.poll(() => heading(page).textContent()).toContain('Paused');
    await page.getByRole('link', { name: 'Change', exact: true }).click();
    await page.getByRole('button', { name: 'Cron expression' }).click();
    await page.getByLabel('Cron expression required').fill('61 * * * *');
    await field(page, 'Cron expression required').getByText('must be five fields as in crontab').waitFor();
    await page.getByRole('button', { name: 'Change' }).click();
    await page.getByRole('alert').getByText('#/cron').waitFor();
    await page.getByLabel('Cron expression required').fill('30 6 * * *');
    await page.getByLabel('Time zone').fill('Europe/Berlin');
    const changes = page.getByRole('region', { name: 'Clock changes' });
    await expect.poll(() => changes.locator('tbody tr').count()).toBe(2);
    await changes.getByText('06:30:00').first().waitFor();
    const asked = page.waitForRequest((each) => each.method() === 'PATCH');
    await page.getByRole('button', { name: 'Change' }).click();
    expect((await asked).postDataJSON()).toEqual({
      cron: '30 6 * * *',
      every_s: null,
      time_zone: 'Europe/Berlin',
    });
    await page.getByText('30 6 * * *, Europe/Berlin').waitFor();
    await expect.poll(() => changes.locator('tbody tr').count()).toBe(2);

    await page.getByRole('button', { name: 'Run now' }).click();
    await expect.poll(() => heading(page).textContent()).toContain('Succeeded');
    await page.getByRole('link', { name: /^sch_/ }).click();
    await page.getByRole('button', { name: 'Resume' }).click();
    await expect.poll(() => heading(page).textContent()).toContain('Active');
    page.once('dialog', (dialog) => void dialog.accept());
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByText('No schedule.').waitFor();
    // What is deleted may be asked for once more.
    expect(await faults([404, 422])).toEqual([]);
  });

  test('why a tick was refused is said, and the list is narrowed by external id', async () => {
    const caller = await tenant('refused');
    const often = { action: 'echo', every_s: LEAST_S, input: { nr: 1 } };
    await makeSchedule(caller, { ...often, external_id: 'a&b=<c>' });
    await makeSchedule(caller, { ...often, cron: '0 0 1 1 *', every_s: null, external_id: 'seldom' });
    await asAdmin('PUT', '/admin/tenants/refused', { actions: ['quote'] });
    const { page, faults } = await pageOf('refused');
    await page.goto(console('/t/refused/schedules'));
    const rows = page.locator('tbody tr');
    await expect.poll(() => rows.count()).toBe(2);
    await page.getByLabel('External id').fill('a&b=<c>');
    await page.keyboard.press('Enter');
    await expect.poll(() => rows.count()).toBe(1);
    await page.reload();
    await rows.getByText('Refused').waitFor();
    await rows.getByRole('link', { name: 'a&b=<c>' }).click();
    await page.getByText('unknown_action').waitFor();
    await page.goto(console('/t/refused/schedules?external_id=1e3'));
    await page.getByText('No schedule has this external id.').waitFor();
    expect(await page.getByLabel('External id').inputValue()).toBe('1e3');
    expect(await faults()).toEqual([]);
  });

  test("of many schedules all can be seen, and of an action's jobs those that schedules asked for", async () => {
    const caller = await tenant('many');
    const seldom = { action: 'echo', cron: '0 0 1 1 *' };
    const [id] = await Promise.all(Array.from({ length: 51 }, () => makeSchedule(caller, seldom)));
    const ran = await caller.call('POST', `/v2/tenants/many/schedules/${id}/run`);
    const { job_id: jobId } = ran.body as { job_id: string };
    await caller.call('POST', '/v2/tenants/many/echo/run', {});
    // A list that is opened shows what is in it by then.
    const listed = async () =>
      (await caller.call('GET', '/v2/tenants/many/jobs')).body as { jobs: unknown[] };
    await expect.poll(async () => (await listed()).jobs.length).toBe(2);
    const { page, faults } = await pageOf('many');
    await page.goto(console('/t/many/schedules'));
    const rows = page.locator('tbody tr');
    await expect.poll(() => rows.count()).toBe(50);
    await page.getByRole('button', { name: 'Show more' }).click();
    await expect.poll(() => rows.count()).toBe(51);
    await page.goto(console(`/t/many/schedules/${id}`));
    await page.getByText('It has not ticked yet.').waitFor();
    await page.getByRole('link', { name: 'Jobs of echo that schedules asked for' }).click();
    await page.getByRole('link', { name: jobId.slice(0, 8) }).waitFor();
    expect(await rows.count()).toBe(1);
    await page.getByRole('button', { name: 'Remove the filter source schedule' }).click();
    await expect.poll(() => rows.count()).toBe(2);
    expect(await faults()).toEqual([]);
  });

  test('what a session may not do has no button, and who may not read schedules is shown none', async () => {
    const caller = await tenant('bounded');
    const id = await makeSchedule(caller, {
      action: 'echo',
      cron: '0 0 1 1 *',
      job: { metadata: { of: 'ada' } },
    });
    const ran = await caller.call('POST', `/v2/tenants/bounded/schedules/${id}/run`);
    const { job_id: jobId } = ran.body as { job_id: string };
    const reader = await pageOf('bounded', ['jobs:read', 'schedules:read']);
    await reader.page.getByRole('link', { name: 'Schedules' }).click();
    await reader.page.getByRole('link', { name: /^sch_/ }).click();
    await reader.page.getByText('What it asks for').waitFor();
    expect(await reader.page.getByRole('button', { name: /^(Run now|Pause|Delete)$/ }).count()).toBe(0);
    expect(await reader.page.getByRole('link', { name: /^(Change|New schedule)$/ }).count()).toBe(0);

    const other = await pageOf('bounded', ['jobs:read']);
    await other.page.goto(console(`/t/bounded/jobs/${jobId}`));
    await other.page.getByText('Final').waitFor();
    expect(await other.page.locator('body').innerText()).not.toMatch(/schedule/i);

    const asked = { scopes: ['jobs:read'], metadata_filter: { of: 'ada' } };
    const portal = await caller.call('POST', '/v2/tenants/bounded/portal-sessions', asked);
    const customer = await openPage(browser, system.url);
    resources.defer(() => customer.context.close());
    await customer.page.goto(system.url + (portal.body as { path: string }).path);
    await customer.page.getByRole('link', { name: jobId.slice(0, 8) }).click();
    await customer.page.getByText('Final').waitFor();
    expect(await customer.page.locator('body').innerText()).not.toMatch(/schedule/i);
    for (const { faults } of [reader, other, customer]) expect(await faults()).toEqual([]);
  });

  test('a change keeps what others have changed meanwhile, and its preview counts from the creation', async () => {
    const caller = await tenant('shared');
    const path = '/v2/tenants/shared/schedules';
    const id = await makeSchedule(caller, { action: 'echo', every_s: 3_600, description: 'of old' });
    const madeMs = Date.now();
    const { page, faults } = await pageOf('shared');
    // A preview that counts from now would tick at another second.
    await waitUntil(() => Date.now() - madeMs > 1_000);
    await page.goto(console(`/t/shared/schedules/${id}/change`));
    const { body: preview } = await caller.call('GET', `${path}/${id}/preview`);
    const { ticks } = preview as { ticks: string[] };
    const shown = page.getByRole('region', { name: 'Next ticks' }).locator('tbody tr');
    await expect.poll(() => shown.first().innerText()).toContain(ticks[0]?.slice(11, 19));
    await page.getByLabel('Description').fill('of now');
    await asAdmin('PATCH', `${path}/${id}`, { catch_up: 'none' });
    await page.getByLabel('Spread').fill('30');
    await page.getByRole('button', { name: 'JSON', exact: true }).click();
    await page.getByLabel('Input as JSON').fill('{');
    await page.getByRole('button', { name: 'Change' }).click();
    await page.getByRole('alert').getByText('invalid_json').waitFor();
    await page.getByLabel('Input as JSON').fill('{"nr": 2}');
    await page.getByRole('button', { name: 'Every so many seconds' }).click();
    await page.getByLabel('Seconds between two ticks').fill('');
    await page.getByText('Shown once').waitFor();
    await page.getByLabel('Seconds between two ticks').fill('3600');
    await page.getByRole('button', { name: 'Change' }).click();
    await page.getByText('of now').waitFor();
    const { body } = await caller.call('GET', `${path}/${id}`);
    expect(body).toMatchObject({
      spread_s: 30,
      description: 'of now',
      every_s: 3_600,
      input: { nr: 2 },
      catch_up: 'none',
      starts_at: null,
    });
    expect(await faults()).toEqual([]);
  });
});
