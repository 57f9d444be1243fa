/*
 * Takes the pictures of the console in docs, from a real run: `node tests/e2e/console-picture.ts`. It needs the servers of
 * the tests and a Chromium.
 */
import { fileURLToPath } from 'node:url';
import { startReceiver, startTestNats, startTestPostgres, waitUntil } from '@errand/testkit';
import { signInWith, startBrowser } from './browser.ts';
import { createCaller } from './caller.ts';
import { startSystem } from './system.ts';

const ACTIONS = fileURLToPath(new URL('./console-actions.ts', import.meta.url));
const PICTURE = fileURLToPath(new URL('../../docs/console.png', import.meta.url));
const TENANT = 'acme-solar';
const SIZE = { width: 1180, height: 720 };

await using resources = new AsyncDisposableStack();
const nats = resources.use(await startTestNats());
const database = resources.use(await startTestPostgres());
const servers = { natsUrl: nats.url, databaseUrl: database.url };
const system = resources.use(await startSystem(servers, { ERRAND_ACTIONS: ACTIONS }));
const receiver = resources.use(await startReceiver());
const caller = resources.use(await createCaller(system, TENANT));
await caller.createWebhook({ url: `${receiver.url}/crm`, description: 'CRM' });

const run = async (action: string, input: object) => {
  const { body } = await caller.call('POST', `/v2/tenants/${TENANT}/${action}/run`, input);
  return (body as { job_id: string }).job_id;
};
const metadata = { order: '8837', region: 'east' };
const failed = await run('stumble', { ms: 900, _job: { metadata } });
await waitUntil(
  async () => {
    const { body } = await caller.call('GET', `/v2/tenants/${TENANT}/jobs/${failed}`);
    return (body as { status: string }).status === 'failed';
  },
  { timeoutMs: 60_000 },
);
const browser = resources.adopt(await startBrowser(), (open) => open.close());
const context = await browser.newContext({ viewport: SIZE });
const page = await context.newPage();
await signInWith(page, system.url, system.adminKey);
await page.goto(`${system.url}/console/t/${TENANT}/jobs/${failed}`);
await page.getByText('Webhook').first().waitFor();
await page.getByText('Final').waitFor();
await page.getByText('(newest)').waitFor();
await page.screenshot({ path: PICTURE });
console.log(PICTURE);
