import { fileURLToPath } from 'node:url';
import AxeBuilder from '@axe-core/playwright';
import { createTestDatabase, type Receiver, startReceiver, startTestNats, waitUntil } from '@errand/testkit';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasBrowser, openPage, signInWith, startBrowser } from './browser.ts';
import { type Caller, createCaller } from './caller.ts';
import { HOSTILE_TEXTS } from './hostile-texts.ts';
import { type System, startSystem } from './system.ts';

const ACTIONS = fileURLToPath(new URL('./console-actions.ts', import.meta.url));
const TENANT = 'looked_at';
const TEXTS_AT_ONCE = 8;
const QUOTED = {
  action: 'quote',
  cron: '30 2 * * *',
  input: { amount: 1, priority: 'low', lines: [] },
};

const resources = new AsyncDisposableStack();
let system: System;
let browser: Browser;
let receiver: Receiver;
let caller: Caller;
let screens: Record<string, string>;

afterAll(() => resources.disposeAsync());

describe.skipIf(!hasBrowser())('in a browser', () => {
  beforeAll(async () => {
    const nats = resources.use(await startTestNats());
    const database = resources.use(await createTestDatabase());
    const servers = { natsUrl: nats.url, databaseUrl: database.url };
    system = resources.use(await startSystem(servers, { ERRAND_ACTIONS: ACTIONS }));
    browser = resources.adopt(await startBrowser(), (open) => open.close());
    receiver = resources.use(await startReceiver());
    caller = resources.use(await createCaller(system, TENANT));
    await createCaller(system, 'without_jobs').then((each) => resources.use(each));
    const { endpoint_id } = await caller.createWebhook({ url: `${receiver.url}/hook` });
    const [ended, failed, told] = [
      await start('echo', { a: [1, { b: 2 }], c: 'd' }),
      await start('refuse', {}),
      await start('tell', { lines: ['asking for prices', 'three suppliers answered'] }),
    ];
    const waiting = await start('echo', {
      _job: { start_after: new Date(Date.now() + 3_600_000).toISOString() },
    });
    for (const jobId of [ended, failed, told]) await untilEnded(jobId);
    await waitUntil(async () => (await deliveriesOf(ended)).length === 1);
    const [delivery] = await deliveriesOf(ended);
    const path = '/admin/projections/job_summary/rebuild';
    await fetch(system.url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${system.adminKey}` },
    });
    const nightly = await schedule({
      ...QUOTED,
      time_zone: 'Europe/Berlin',
      external_id: 'nightly',
      resource: { customer_id: 'c-1' },
      input: { ...QUOTED.input, order: '8837' },
    });
    const own = `/t/${TENANT}`;
    screens = {
      overview: own,
      'first run': '/t/without_jobs',
      jobs: `${own}/jobs`,
      'no job': `${own}/jobs?action=none`,
      'ended job': `${own}/jobs/${ended}`,
      'failed job': `${own}/jobs/${failed}`,
      'waiting job': `${own}/jobs/${waiting}`,
      events: `${own}/jobs/${ended}?tab=events`,
      log: `${own}/jobs/${told}?tab=log`,
      'no log': `${own}/jobs/${ended}?tab=log`,
      input: `${own}/jobs/${ended}?tab=input`,
      result: `${own}/jobs/${ended}?tab=result`,
      deliveries: `${own}/jobs/${ended}?tab=deliveries`,
      actions: `${own}/actions`,
      'run form': `${own}/actions/quote/run`,
      schedules: `${own}/schedules`,
      'no schedule': `${own}/schedules?external_id=none`,
      schedule: `${own}/schedules/${nightly}`,
      'new schedule': `${own}/schedules/new`,
      'changed schedule': `${own}/schedules/${nightly}/change`,
      webhooks: `${own}/webhooks`,
      endpoint: `${own}/webhooks/${endpoint_id}`,
      'all deliveries': `${own}/deliveries?status=delivered`,
      delivery: `${own}/deliveries/${delivery?.delivery_id}`,
      bulk: `${own}/bulk`,
      keys: `${own}/keys`,
      tenants: '/admin/tenants',
      executors: '/admin/executors',
      audit: '/admin/audit',
      verify: '/admin/verify',
      rebuild: '/admin/rebuild',
      'dead letters': '/admin/dead-letters',
      nothing: '/nothing',
    };
  });

  async function start(action: string, input: object): Promise<string> {
    const run = await caller.call('POST', `/v2/tenants/${TENANT}/${action}/run`, input);
    expect(run.status, JSON.stringify(run.body)).toBe(202);
    return (run.body as { job_id: string }).job_id;
  }
  async function schedule(about: object): Promise<string> {
    const made = await caller.call('POST', `/v2/tenants/${TENANT}/schedules`, about);
    expect(made.status, JSON.stringify(made.body)).toBe(201);
    return (made.body as { schedule_id: string }).schedule_id;
  }
  const jobOf = async (jobId: string) =>
    (await caller.call('GET', `/v2/tenants/${TENANT}/jobs/${jobId}`)).body as {
      status: string;
      version: number;
    };
  const untilEnded = (jobId: string) =>
    waitUntil(async () => !['queued', 'running'].includes((await jobOf(jobId)).status), {
      timeoutMs: 20_000,
    });
  const deliveriesOf = async (jobId: string) => {
    const { body } = await caller.call('GET', `/v2/tenants/${TENANT}/jobs/${jobId}/deliveries`);
    return (body as { deliveries: { delivery_id: string; status: string }[] }).deliveries;
  };
  async function adminPage() {
    const watched = await openPage(browser, system.url);
    resources.defer(() => watched.context.close());
    await signInWith(watched.page, system.url, system.adminKey);
    return watched;
  }
  async function show(page: Page, path: string): Promise<void> {
    await page.goto(`${system.url}/console${path}`);
    await page.locator('main').waitFor();
    await expect.poll(() => page.getByText('Loading…').count()).toBe(0);
  }

  test('every screen is accessible, light, dark and narrow; it asks nobody else and breaks no rule', {
    timeout: 400_000,
  }, async () => {
    const { page, faults } = await adminPage();
    const found: string[] = [];
    async function look(screen: string, rules: string[] = []): Promise<void> {
      // The page has no frames, for which a page more would be opened each time.
      const axe = new AxeBuilder({ page }).setLegacyMode(true);
      if (rules.length > 0) axe.withRules(rules);
      const { violations } = await axe.analyze();
      const said = violations.map(({ id, nodes }) => `${id} ${nodes.map(({ html }) => html).join(' | ')}`);
      found.push(...said.map((each) => `${screen}: ${each.slice(0, 300)}`));
    }
    for (const [screen, path] of Object.entries(screens)) {
      await show(page, path);
      await look(screen);
      await page.emulateMedia({ colorScheme: 'dark' });
      // Nothing else depends on colours.
      await look(`${screen}, dark`, ['color-contrast']);
      await page.emulateMedia({ colorScheme: 'light' });
      await page.setViewportSize({ width: 320, height: 760 });
      await look(`${screen}, narrow`, ['scrollable-region-focusable', 'target-size']);
      const overflow = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
      if (overflow > 0) found.push(`${screen}: ${overflow} px wider than the window`);
      await page.setViewportSize({ width: 1280, height: 760 });
      found.push(...(await beyondKeyboard(page)).map((each) => `${screen}, by keyboard: ${each}`));
    }
    expect(found).toEqual([]);
    expect(await faults()).toEqual([]);
  });

  test('texts of callers are shown as they are, in every field that they control, and nothing of them runs', {
    timeout: 300_000,
  }, async () => {
    const { page, faults } = await adminPage();
    await page.addInitScript('window.ran = []; window.alert = (said) => window.ran.push(said);');
    for (let from = 0; from < HOSTILE_TEXTS.length; from += TEXTS_AT_ONCE) {
      const texts = HOSTILE_TEXTS.slice(from, from + TEXTS_AT_ONCE);
      const named = texts.map((text, nr) => [`${nr} ${text}`, text] as const);
      const jobId = await start('echo', {
        ...Object.fromEntries(named),
        nested: [Object.fromEntries(named.map(([name, text]) => [name, [text]]))],
        _job: {
          metadata: Object.fromEntries([
            ...texts.map((text, nr) => [`value ${nr}`, text]),
            ...named.map(([name]) => [name.slice(0, 64), 'name']),
          ]),
        },
      });
      const job = `/t/${TENANT}/jobs/${jobId}`;
      await untilEnded(jobId);
      await show(page, job);
      const head = visible(await page.locator('.head').innerText());
      for (const text of texts) expect(head).toContain(visible(text));
      for (const [name] of named) expect(head).toContain(visible(name.slice(0, 64)));
      await show(page, `${job}?tab=input`);
      const json = page.locator('.json pre');
      await json.waitFor();
      const shown = visible(await json.innerText());
      for (const text of texts) expect(shown).toContain(visible(JSON.stringify(text)));
      const telling = await start('tell', { lines: texts });
      await untilEnded(telling);
      await show(page, `/t/${TENANT}/jobs/${telling}?tab=log`);
      await page.getByText('nothing more to tell').waitFor();
      const log = visible(await page.locator('.log').innerText());
      for (const text of texts) expect(log).toContain(visible(text.slice(0, 500)));
    }
    await show(page, `/t/${TENANT}/jobs`);
    await show(page, `/t/${TENANT}/jobs?meta.note=${encodeURIComponent(HOSTILE_TEXTS[0] ?? '')}`);
    expect(await page.evaluate('window.ran')).toEqual([]);
    expect(await faults()).toEqual([]);
  });

  test('texts of schedules are shown as they are, and nothing of them runs', {
    timeout: 200_000,
  }, async () => {
    const { page, faults } = await adminPage();
    await page.addInitScript('window.ran = []; window.alert = (said) => window.ran.push(said);');
    for (const whole of HOSTILE_TEXTS) {
      const text = whole.slice(0, 200);
      // Controls are refused in a path.
      const ofPath = text.replaceAll(/\p{Cc}/gu, '_');
      const id = await schedule({
        ...QUOTED,
        external_id: text,
        description: text,
        resource: { customer_id: ofPath },
        input: { ...QUOTED.input, order: text },
        job: { metadata: { note: text } },
      });
      await show(page, `/t/${TENANT}/schedules/${id}`);
      const shown = visible(await page.locator('main').innerText());
      expect(shown).toContain(`of customer_id ${visible(ofPath)}`);
      expect(shown).toContain(visible(JSON.stringify({ metadata: { note: text } })));
      expect(shown).toContain(visible(`"order": ${JSON.stringify(text)}`));
      await show(page, `/t/${TENANT}/schedules/${id}/change`);
      expect(await page.getByLabel('customer_id').inputValue()).toBe(ofPath);
    }
    await show(page, `/t/${TENANT}/schedules`);
    await page.getByRole('button', { name: 'Show more' }).click();
    const rows = page.locator('tbody tr');
    await expect.poll(() => rows.count()).toBe(HOSTILE_TEXTS.length + 1);
    const cells = (await rows.allInnerTexts()).map(visible);
    for (const whole of HOSTILE_TEXTS) {
      const text = visible(whole.slice(0, 200));
      // As its external id and as its description.
      expect(cells).toContainEqual(expect.stringContaining(`${text} ${text}`));
    }
    expect(await page.evaluate('window.ran')).toEqual([]);
    expect(await faults()).toEqual([]);
  });

  test('a mebibyte of JSON is shown whole and exact, as an input and as a result, and is searched', {
    timeout: 120_000,
  }, async () => {
    const { page, faults } = await adminPage();
    const rows = Array.from({ length: 9_500 }, (_, index) => ({
      place: index,
      beyond: 9_007_199_254_740_994 + index * 2,
      small: 1e-300 * (index + 1),
      text: `Zoë – row ${index} – <b>שלום</b>`,
    }));
    const input = { rows, needle: 'only once' };
    expect(Buffer.byteLength(JSON.stringify(input))).toBeGreaterThan(1_000_000);
    const jobId = await start('echo', input);
    await untilEnded(jobId);
    for (const tab of ['input', 'result']) {
      const beganAt = performance.now();
      await show(page, `/t/${TENANT}/jobs/${jobId}?tab=${tab}`);
      const json = page.locator('.json pre');
      await json.waitFor();
      console.log(`${tab}: shown after ${Math.round(performance.now() - beganAt)} ms`);
      const shown = (await json.textContent()) ?? '';
      expect(JSON.parse(shown)).toEqual(input);
      expect(shown).toContain(String(rows.at(-1)?.beyond));
      await page.getByRole('searchbox', { name: `Find in ${tab}` }).fill('only once');
      await page.getByText('1 found').waitFor();
      expect(await page.locator('.json mark').allTextContents()).toEqual(['only once']);
    }
    expect(await faults()).toEqual([]);
  });

  test('of a job that changes all the time nothing shown goes back, and the end is there within a second', {
    timeout: 180_000,
  }, async () => {
    const { page, faults } = await adminPage();
    const answers = Promise.withResolvers<number>();
    receiver.respond = ({ url }) => (url === '/ask' ? answers.promise : 200);
    const jobId = await start('walk', { steps: 100_000, ms: 10, ask: `${receiver.url}/ask` });
    await page.goto(`${system.url}/console/t/${TENANT}/jobs/${jobId}`);
    await page.getByText(/version \d+/).waitFor();
    await page.evaluate(`{
      window.versions = [];
      const note = () => window.versions.push(Number(/version (\\d+)/.exec(document.body.innerText)?.[1] ?? 0));
      new MutationObserver(note).observe(document.body, { subtree: true, childList: true, characterData: true });
    }`);
    await expect.poll(() => page.evaluate('window.versions.length')).toBeGreaterThan(10);
    answers.resolve(200);
    await untilEnded(jobId);
    const { version } = await jobOf(jobId);
    const endedAt = performance.now();
    await expect.poll(() => page.getByText(`version ${version}`).count(), { interval: 20 }).toBe(1);
    console.log(`the end was shown ${Math.round(performance.now() - endedAt)} ms after it could be read`);
    const versions = await page.evaluate<number[]>('window.versions');
    expect(versions.length).toBeGreaterThan(10);
    expect(versions.filter((each, index) => each < (versions[index - 1] ?? 0))).toEqual([]);
    expect(await faults()).toEqual([]);
  });
});

/** What can be clicked and is not reached by Tab, or does not show that it has the focus. */
async function beyondKeyboard(page: Page): Promise<string[]> {
  const controls = await page.evaluate<number>(`(() => {
    const drawn = (each) => each.checkVisibility({ visibilityProperty: true });
    const selector = 'a[href], button:enabled, input:enabled, select:enabled, textarea:enabled, summary';
    window.controls = new Set([...document.querySelectorAll(selector)].filter(drawn));
    window.plain = new Set();
    document.activeElement?.blur();
    document.addEventListener('focusin', ({ target }) => {
      window.controls.delete(target);
      const { outlineStyle, boxShadow } = getComputedStyle(target);
      if (outlineStyle === 'none' && boxShadow === 'none') window.plain.add(target);
    });
    return window.controls.size;
  })()`);
  for (let presses = 0; presses < controls + 10; presses++) await page.keyboard.press('Tab');
  return page.evaluate<string[]>(`(() => {
    // Lists of what changes put others in the place of some meanwhile.
    const left = (those) => [...those].filter((each) => each.isConnected);
    const shown = (each) => each.outerHTML.slice(0, 200);
    return [
      ...left(window.controls).map((each) => 'not reached: ' + shown(each)),
      ...left(window.plain).map((each) => 'no mark of the focus: ' + shown(each)),
    ];
  })()`);
}

/** As far as a text can be compared that was drawn: white space is one, and controls draw nothing. */
function visible(text: string): string {
  return text.replaceAll(/[\p{Cc}\s]+/gu, ' ').trim();
}
