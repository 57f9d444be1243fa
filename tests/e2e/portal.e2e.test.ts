import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import AxeBuilder from '@axe-core/playwright';
import { createTestDatabase, startTestNats, waitUntil } from '@errand/testkit';
import fc from 'fast-check';
import type { Browser, Frame } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasBrowser, openPage, startBrowser } from './browser.ts';
import { type Caller, createCaller } from './caller.ts';
import { type System, startSystem } from './system.ts';

const ACTIONS = fileURLToPath(new URL('./console-actions.ts', import.meta.url));
const REQUESTS = 1_000;
const AT_ONCE = 16;

const resources = new AsyncDisposableStack();
let system: System;
let caller: Caller;

beforeAll(async () => {
  const nats = resources.use(await startTestNats());
  const database = resources.use(await createTestDatabase());
  const servers = { natsUrl: nats.url, databaseUrl: database.url };
  system = resources.use(await startSystem(servers, { ERRAND_ACTIONS: ACTIONS }));
  caller = resources.use(await createCaller(system, 'shop'));
});
afterAll(() => resources.disposeAsync());

async function start(by: Caller, action: string, input: object): Promise<string> {
  const run = await by.call('POST', `/v2/tenants/${by.tenantId}/${action}/run`, input);
  expect(run.status).toBe(202);
  return (run.body as { job_id: string }).job_id;
}
const ofCustomer = (customer: string, input: object) => ({ ...input, _job: { metadata: { customer } } });

interface Portal {
  readonly session_id: string;
  readonly path: string;
}
async function makePortal(about: object): Promise<Portal> {
  const made = await caller.call('POST', '/v2/tenants/shop/portal-sessions', {
    metadata_filter: { customer: 'ada' },
    ...about,
  });
  expect(made.status).toBe(201);
  return made.body as Portal;
}
async function tokenOf({ session_id, path }: Portal): Promise<string> {
  const opened = await fetch(`${system.url}/portal/${session_id}/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code: path.split('#code=')[1] }),
  });
  return ((await opened.json()) as { token: string }).token;
}

describe.skipIf(!hasBrowser())('in a browser', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = resources.adopt(await startBrowser(), (open) => open.close());
  });

  /** A page of another origin that frames what it is told to. */
  async function startHost(): Promise<{ origin: string; frame: (path: string) => string }> {
    const server = createServer((incoming, outgoing) => {
      const src = new URL(incoming.url ?? '', 'http://host').searchParams.get('src') ?? '';
      outgoing.setHeader('content-type', 'text/html');
      outgoing.end(`<!doctype html><title>Shop</title><link rel="icon" href="data:,">
        <iframe title="Your orders" src="${src}" width="900" height="700"></iframe>`);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    resources.defer(() => void server.close());
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return { origin, frame: (path) => `${origin}/?src=${encodeURIComponent(system.url + path)}` };
  }
  async function openFramed(url: string) {
    const watched = await openPage(browser, 'http://127.0.0.1');
    resources.defer(() => watched.context.close());
    await watched.page.goto(url);
    const framed = (): Frame | undefined => watched.page.frames()[1];
    return { ...watched, framed };
  }

  test('a customer follows and cancels their job in a page of another origin, and sees no other', async () => {
    const [own, other] = [
      await start(caller, 'walk', ofCustomer('ada', { steps: 10_000, ms: 100 })),
      await start(caller, 'echo', ofCustomer('bob', { secret: 'of bob' })),
    ];
    const host = await startHost();
    const portal = await makePortal({
      scopes: ['jobs:read', 'jobs:cancel'],
      frame_ancestors: [host.origin],
      theme: 'dark',
    });
    const { page, faults, framed } = await openFramed(host.frame(portal.path));
    const view = page.frameLocator('iframe');
    await view.getByRole('link', { name: own.slice(0, 8) }).waitFor();
    expect(await view.locator('body').innerText()).not.toContain('bob');
    expect(await view.locator('html').getAttribute('data-theme')).toBe('dark');
    expect(framed()?.url()).not.toContain('code');
    const look = async () => {
      const { violations } = await new AxeBuilder({ page }).setLegacyMode(false).include('iframe').analyze();
      return violations.map(({ id, nodes }) => `${id} ${nodes.map(({ html }) => html).join(' | ')}`);
    };
    expect(await look()).toEqual([]);
    await view.getByRole('link', { name: own.slice(0, 8) }).click();
    await view.getByText('Live', { exact: true }).waitFor();
    await view
      .getByText(/step \d/)
      .first()
      .waitFor();
    expect(await view.getByRole('button', { name: 'Retry' }).count()).toBe(0);
    expect(await view.getByText('Run again, edited').count()).toBe(0);
    expect(await view.getByText('Deliveries').count()).toBe(0);
    expect(await view.getByRole('link', { name: 'Log', exact: true }).count()).toBe(0);
    await view.getByRole('button', { name: 'Cancel' }).click();
    await view.getByRole('heading', { level: 1, name: 'Canceled' }).waitFor();
    expect(await look()).toEqual([]);
    // A link of another job leads nowhere.
    await framed()?.evaluate(
      `history.pushState({}, '', '/portal/${portal.session_id}/t/shop/jobs/${other}'); dispatchEvent(new PopStateEvent('popstate'))`,
    );
    await view.getByText('unknown_job').waitFor();
    expect(await framed()?.evaluate('window.violations')).toEqual([]);
    expect(await faults([404])).toEqual([]);

    // The token was in the page's memory alone.
    await page.reload();
    await view.getByText('cannot be opened').waitFor();
  });

  test('a log is shown with the right to it, and the view ends when its session is revoked', async () => {
    const jobId = await start(caller, 'tell', ofCustomer('ada', { lines: ['measuring'] }));
    const portal = await makePortal({ scopes: ['jobs:read', 'logs:read'] });
    const { page, faults } = await openFramed(system.url + portal.path);
    await page.getByTitle(jobId).click();
    await page.getByRole('link', { name: 'Log', exact: true }).click();
    for (const text of ['measuring', '{"told":1}', 'nothing more to tell'])
      await page.locator('.log').getByText(text).waitFor();
    // Nothing follows, so no stream tells of the end of the session.
    await page.getByText('Final', { exact: true }).nth(1).waitFor();
    const path = `/v2/tenants/shop/portal-sessions/${portal.session_id}`;
    expect((await caller.call('DELETE', path)).status).toBe(204);
    await page.getByRole('heading', { name: 'This view has ended' }).waitFor({ timeout: 60_000 });
    expect(await faults([401])).toEqual([]);
  });

  test('a page of an origin that the session does not name cannot frame it', async () => {
    const host = await startHost();
    const portal = await makePortal({ scopes: ['jobs:read'], frame_ancestors: ['https://app.example.org'] });
    const { page, framed } = await openFramed(host.frame(portal.path));
    await waitUntil(() => framed()?.url().startsWith('chrome-error:') ?? false);
    expect(await page.frameLocator('iframe').getByRole('heading', { name: 'Jobs' }).count()).toBe(0);
    // Its code was not used.
    expect(await tokenOf(portal)).toMatch(/^errand_child\./);
  });
});

interface Operation {
  readonly method: string;
  readonly path: string;
}

/** Every operation that is described, with parameters in its path. */
async function readOperations(): Promise<Operation[]> {
  const { paths } = (await (await fetch(`${system.url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, unknown>>;
  };
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.keys(item)
      .filter((method) => ['get', 'post', 'put', 'patch', 'delete'].includes(method))
      .map((method) => ({ method: method.toUpperCase(), path })),
  );
}

test(`of ${REQUESTS} random requests beyond its tenant or its filter a portal's token gets none`, {
  timeout: 120_000,
}, async () => {
  const foreign = resources.use(await createCaller(system, 'rival'));
  const own = await start(caller, 'echo', ofCustomer('ada', { mark: 'own' }));
  const beyond = [
    await start(caller, 'echo', ofCustomer('bob', { mark: 'beyond-mark' })),
    await start(caller, 'refuse', ofCustomer('bob', { code: 'beyond-mark' })),
  ];
  const ofRival = await start(foreign, 'echo', ofCustomer('ada', { mark: 'beyond-mark' }));
  await waitUntil(async () => {
    const { body } = await caller.call('GET', '/v2/tenants/shop/jobs');
    const ended = (body as { jobs: { job_id: string; status: string }[] }).jobs.filter(
      ({ status }) => !['queued', 'running'].includes(status),
    );
    return [own, ...beyond].every((id) => ended.some(({ job_id }) => job_id === id));
  });
  const token = await tokenOf(
    await makePortal({
      scopes: ['jobs:read', 'logs:read', 'jobs:cancel', 'runs:write', 'webhooks:read', 'webhooks:write'],
    }),
  );
  const operations = (await readOperations()).filter(
    ({ path }) => path.startsWith('/v2/') || path.startsWith('/admin/'),
  );
  const jobsOfBob = async () => {
    const { body } = await caller.call('GET', '/v2/tenants/shop/jobs?metadata.customer=bob');
    return (body as { jobs: { job_id: string; version: number }[] }).jobs.map((job) => [
      job.job_id,
      job.version,
    ]);
  };
  const before = await jobsOfBob();
  const seed = Date.now() % 2 ** 31;
  const draws = fc.sample(
    fc.record({
      operation: fc.constantFrom(...operations),
      tenant: fc.constantFrom('shop', 'shop', 'rival', 'nobody'),
      job: fc.constantFrom(...beyond, ofRival),
      id: fc.constantFrom(own, ...beyond, ofRival, `${beyond[0]}.ep`, 'x'),
      query: fc.constantFrom('', '?metadata.customer=bob', '?q=bob', '?limit=100', '?metadata.customer=ada'),
    }),
    { numRuns: REQUESTS, seed },
  );
  const leaks: string[] = [];
  const secrets = [...beyond, ofRival, 'beyond-mark', 'bob'];
  async function send({ operation, tenant, job, id, query }: (typeof draws)[number]): Promise<void> {
    const path = operation.path
      .replace('{tenant_id}', tenant)
      .replace('{job_id}', job)
      .replaceAll(/\{\w+\}/g, id);
    const about = /\/status$/.test(path) ? `${path}?job_id=${job}` : path + query;
    // What it runs comes back to it.
    const body = path.endsWith('/run')
      ? { mark: 'x' }
      : { job_id: job, filter: { metadata: { customer: 'bob' } }, action: 'retry' };
    const answer = await fetch(system.url + about, {
      method: operation.method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', prefer: 'wait=0' },
      ...(operation.method === 'GET'
        ? { signal: AbortSignal.timeout(60_000) }
        : { body: JSON.stringify(body) }),
    });
    const text =
      answer.body && answer.headers.get('content-type')?.includes('event-stream') ? '' : await answer.text();
    await answer.body?.cancel().catch(() => {});
    const isBeyond = tenant !== 'shop' || path.startsWith('/admin/') || operation.path.includes('{job_id}');
    const found = secrets.find((secret) => text.includes(secret) && !about.includes(secret));
    if ((isBeyond && answer.status < 400) || (answer.status < 300 && found)) {
      leaks.push(`${operation.method} ${about}: ${answer.status} ${text.slice(0, 200)}`);
    }
  }
  const left = [...draws];
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let draw = left.pop(); draw; draw = left.pop()) await send(draw);
    }),
  );
  expect(leaks, `seed ${seed}`).toEqual([]);
  // Nothing of it was done either.
  expect(await jobsOfBob()).toEqual(before);
});
