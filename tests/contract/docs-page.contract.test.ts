import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ContractSystem, startContractSystem } from './contract-system.ts';
import { TOOLS } from './tools.ts';

const CHROMIUM = process.env.CHROMIUM_BIN ?? '/usr/bin/chromium';
const FLAGS = [
  '--no-sandbox',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const resources = new AsyncDisposableStack();
let running: ContractSystem;

beforeAll(async () => {
  running = resources.use(await startContractSystem('docs'));
});

afterAll(() => resources.disposeAsync());

/** The parts of playwright-core that are used here; it is one of the tools. */
interface Page {
  on(event: string, listener: (about: { url(): string; text(): string }) => void): void;
  addInitScript(script: string): Promise<void>;
  goto(url: string): Promise<{ headers(): Record<string, string> } | null>;
  waitForFunction(script: string): Promise<unknown>;
  evaluate(script: string): Promise<unknown>;
  screenshot(options: { path: string; fullPage?: boolean }): Promise<unknown>;
}
interface Playwright {
  chromium: {
    launch(options: { executablePath: string; args: string[] }): Promise<{
      newPage(options: object): Promise<Page>;
      close(): Promise<void>;
    }>;
  };
}

const hasChromium = existsSync(CHROMIUM);
if (!hasChromium) console.log(`SKIPPED: the page needs a Chromium to be looked at, and ${CHROMIUM} is none`);

test.skipIf(!hasChromium)(
  'the page shows the operations, requests nothing from other origins and violates no policy',
  async () => {
    const { chromium } = createRequire(join(TOOLS, 'package.json'))('playwright-core') as Playwright;
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
    resources.defer(() => browser.close());
    const page = await browser.newPage({ viewport: { width: 1_400, height: 1_000 } });
    const requested: string[] = [];
    const said: string[] = [];
    page.on('request', (request) => requested.push(request.url()));
    page.on('console', (message) => said.push(message.text()));
    page.on('pageerror', (error) => said.push(`error: ${String(error)}`));
    await page.addInitScript(`
      window.violations = [];
      document.addEventListener('securitypolicyviolation', (event) =>
        window.violations.push([event.violatedDirective, event.blockedURI, event.sourceFile, event.lineNumber, event.sample].join(' ')));
    `);
    const answer = await page.goto(`${running.system.url}/docs`);
    await page.waitForFunction(`document.body.innerText.includes('Run performance_simulation')`);
    await page.evaluate(`document.fonts.ready.then(() => new Promise(requestAnimationFrame))`);
    const screenshot = process.env.ERRAND_DOCS_SCREENSHOT;
    if (screenshot) await page.screenshot({ path: screenshot });
    const origin = new URL(running.system.url).origin;
    const elsewhere = requested.filter((url) => !url.startsWith(origin) && !/^(?:data|blob):/.test(url));
    console.log('docs page', { requested, said, violations: await page.evaluate('window.violations') });
    expect(elsewhere).toEqual([]);
    expect(await page.evaluate('window.violations')).toEqual([]);
    expect(said.filter((text) => /Content Security Policy|error:/i.test(text))).toEqual([]);
    expect(answer?.headers()['content-security-policy']).toMatch(/script-src 'self';/);
  },
);
