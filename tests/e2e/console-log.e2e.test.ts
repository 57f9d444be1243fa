import { fileURLToPath } from 'node:url';
import { openBus } from '@errand/bus';
import { DEFAULT_TOPOLOGY } from '@errand/contracts';
import { createTestDatabase, type Receiver, startReceiver, startTestNats } from '@errand/testkit';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasBrowser, openPage, signInWith, startBrowser } from './browser.ts';
import { type Caller, createCaller } from './caller.ts';
import { type System, startSystem } from './system.ts';

const ACTIONS = fileURLToPath(new URL('./console-actions.ts', import.meta.url));
const TENANT = 'told';

const resources = new AsyncDisposableStack();
let system: System;
let browser: Browser;
let receiver: Receiver;
let natsUrl: string;
let caller: Caller;

afterAll(() => resources.disposeAsync());

describe.skipIf(!hasBrowser())('in a browser', () => {
  beforeAll(async () => {
    const nats = resources.use(await startTestNats());
    const database = resources.use(await createTestDatabase());
    natsUrl = nats.url;
    const servers = { natsUrl, databaseUrl: database.url };
    system = resources.use(await startSystem(servers, { ERRAND_ACTIONS: ACTIONS }));
    receiver = resources.use(await startReceiver());
    browser = resources.adopt(await startBrowser(), (open) => open.close());
    caller = resources.use(await createCaller(system, TENANT));
  });

  const consoleUrl = (path: string) => `${system.url}/console${path}`;
  async function start(input: object): Promise<string> {
    const run = await caller.call('POST', `/v2/tenants/${TENANT}/tell/run`, input);
    expect(run.status, JSON.stringify(run.body)).toBe(202);
    return (run.body as { job_id: string }).job_id;
  }
  async function pageOf(key: string) {
    const watched = await openPage(browser, system.url);
    resources.defer(() => watched.context.close());
    await signInWith(watched.page, system.url, key);
    return watched;
  }

  test('a log is seen as it is told and after a reload, and by nobody who may not read it', async () => {
    const { page, faults } = await pageOf(system.adminKey);
    const answers = Promise.withResolvers<number>();
    receiver.respond = ({ url }) => (url === '/ask' ? answers.promise : 200);
    const jobId = await start({ lines: ['measuring', 'drawing'], ask: `${receiver.url}/ask` });
    const path = `/t/${TENANT}/jobs/${jobId}`;
    await page.goto(consoleUrl(path));
    await page.getByRole('link', { name: 'Log', exact: true }).click();
    const log = page.locator('.log');
    await log.getByText('{"told":2}').waitFor();
    expect(
      (await log.innerText()).split(/\s/).filter((word) => /measuring|drawing|output/.test(word)),
    ).toEqual(['measuring', 'drawing', 'output']);
    await log.getByText('output').click();
    await page.getByRole('searchbox', { name: 'Find in output' }).waitFor();
    await expect.poll(() => page.getByRole('heading', { level: 1 }).textContent()).toContain('Running');
    answers.resolve(200);
    await log.getByText('nothing more to tell').waitFor();
    await page.locator('.panel').getByText('Final').waitFor();
    await page.reload();
    for (const text of ['measuring', '{"told":2}', 'nothing more to tell'])
      await log.getByText(text).waitFor();
    expect(await faults()).toEqual([]);

    const made = await fetch(`${system.url}/admin/tenants/${TENANT}/keys`, {
      method: 'POST',
      headers: { authorization: `Bearer ${system.adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'reader', scopes: ['jobs:read'] }),
    });
    const reader = await pageOf(((await made.json()) as { api_key: string }).api_key);
    const asked: string[] = [];
    reader.page.on('request', (request) => asked.push(request.url()));
    await reader.page.goto(consoleUrl(`${path}?tab=log`));
    await reader.page.getByText('Final').waitFor();
    const tabs = reader.page.getByRole('navigation', { name: 'Parts of the job' }).getByRole('link');
    expect((await tabs.allInnerTexts()).map((text) => text.split(' ')[0])).toEqual([
      'Timeline',
      'Events',
      'Input',
      'Result',
    ]);
    expect(asked.filter((url) => url.endsWith('/logs'))).toEqual([]);
    expect(await reader.faults()).toEqual([]);
  });

  test('of a log of 10,000 entries those in sight are in the page; its end is followed unless one reads above', async () => {
    const { page, faults } = await pageOf(system.adminKey);
    // Nothing of its own is told meanwhile.
    const later = new Date(Date.now() + 3_600_000).toISOString();
    const jobId = await start({ lines: [], _job: { start_after: later } });
    await using bus = await openBus({ servers: natsUrl, name: 'e2e', topology: DEFAULT_TOPOLOGY });
    const tell = bus.jobLogs.writer({ tenantId: TENANT, action: 'tell', jobId }, 2);
    const append = async (from: number, count: number) => {
      const entries = Array.from({ length: count }, (_, index) => ({
        type: 'log' as const,
        number: from + index,
        time: '2026-11-30T08:00:00.000Z',
        message: `line ${from + index}`,
      }));
      expect(await tell(entries)).toBe(true);
    };
    for (let from = 1; from < 10_000; from += 1_000) await append(from, 1_000);
    await page.goto(consoleUrl(`/t/${TENANT}/jobs/${jobId}?tab=log`));
    const log = page.locator('.log');
    const line = (nr: number) => log.getByText(`line ${nr}`, { exact: true });
    await line(10_000).waitFor();
    await log.getByText('attempt 2').first().waitFor();
    expect(await log.locator('li').count()).toBeLessThan(100);
    await append(10_001, 1);
    await line(10_001).waitFor();
    await log.focus();
    await page.keyboard.press('Home');
    await line(1).waitFor();
    await append(10_002, 1);
    await page.getByText('10,002 entries').waitFor();
    expect(await line(1).count()).toBe(1);
    expect(await line(10_002).count()).toBe(0);
    await page.keyboard.press('End');
    await line(10_002).waitFor();
    await append(10_003, 1);
    await line(10_003).waitFor();

    // Where no stream gets through, it is read page by page.
    await page.route(/\/logs$/, (route) => route.abort());
    await page.reload();
    await page.getByText('10,003 entries').waitFor();
    await append(10_004, 1);
    await line(10_004).waitFor();
    await page.locator('.panel').getByText('Not live').waitFor({ timeout: 40_000 });
    await page.unroute(/\/logs$/);
    await page.locator('.panel').getByText('Live', { exact: true }).waitFor({ timeout: 40_000 });
    await append(10_005, 1);
    await page.getByText('10,005 entries').waitFor();
    expect(await faults()).toEqual([]);
  });
});
