import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { onTestFailed } from 'vitest';

const CHROMIUM = process.env.CHROMIUM_BIN ?? '/usr/bin/chromium';
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Whether there is a browser; says so if there is none. */
export function hasBrowser(): boolean {
  const isThere = existsSync(CHROMIUM);
  if (!isThere) console.log(`SKIPPED: the console needs a Chromium to be looked at, and ${CHROMIUM} is none`);
  return isThere;
}

export function startBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
}

const PATIENCE_MS = 15_000;

/** A page that is watched. */
export interface Watched {
  readonly page: Page;
  readonly context: BrowserContext;
  /**
   * What no page of the console does: requests to other origins, violations of the policy, errors on the browser's console
   * and in scripts. Refusals that a test provokes are not counted if their status is in `expected`.
   */
  faults(expected?: readonly number[]): Promise<string[]>;
}

export async function openPage(browser: Browser, origin: string): Promise<Watched> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 760 },
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  onTestFailed(async () => {
    const path = join(tmpdir(), `errand-console-${Date.now()}.png`);
    await page.screenshot({ path }).catch(() => {});
    console.log(
      `the page as it was: ${path}, at ${page.url()}: ${(await page.innerText('body')).slice(0, 2_000)}`,
    );
  });
  const said: string[] = [];
  const refused: { status: number; text: string }[] = [];
  page.on('request', (request) => {
    if (!request.url().startsWith(origin) && !/^(?:data|blob):/.test(request.url())) {
      said.push(`outside request: ${request.url()}`);
    }
  });
  page.on('response', (response) => {
    const status = response.status();
    if (status >= 400)
      refused.push({ status, text: `${status} ${response.request().method()} ${response.url()}` });
  });
  page.on('pageerror', (error) => said.push(`script: ${error.stack ?? error}`));
  page.on('console', (message) => {
    // What the browser says of a refusal is counted above, with its status.
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text()))
      said.push(message.text());
  });
  // As text: this program knows no browser's names.
  await page.addInitScript(`
    window.violations = [];
    document.addEventListener('securitypolicyviolation', (event) =>
      window.violations.push(['policy:', event.violatedDirective, event.blockedURI, event.sample].join(' ')));
  `);
  return {
    page,
    context,
    async faults(expected = []) {
      const violations = await page.evaluate<string[]>('window.violations');
      const unexpected = refused.filter(({ status }) => !expected.includes(status)).map(({ text }) => text);
      return [...said, ...violations, ...unexpected];
    },
  };
}

/** Signs in with a key, as a person does. */
export async function signInWith(page: Page, url: string, key: string): Promise<void> {
  await page.goto(`${url}/console/`);
  await page.getByLabel('API key, or the admin key').fill(key);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
}
