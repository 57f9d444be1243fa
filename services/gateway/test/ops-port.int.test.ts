import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { parseConfig } from '@errand/runtime';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { settings } from '../src/config.ts';
import { routes } from '../src/routes.ts';
import { ADMIN_KEY, RUN_PATH, startTestGateway, TENANT, type TestGateway } from './gateway.ts';

/* A gateway with a port for those who operate it. */

/** What the console sends with every request. */
const OWN = { 'sec-fetch-site': 'same-origin', 'errand-console': '1' };
const OPS_PATHS = ['/healthz', '/readyz', '/metrics'];
const ADMIN = { authorization: `Bearer ${ADMIN_KEY}` };

const statusOf = async (url: string, options: RequestInit = {}) => (await fetch(url, options)).status;

/** The status and code of what is answered to a request line under a host name. */
async function rawStatus(url: string, target: string, host = '127.0.0.1') {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.write(
    `GET ${target} HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${ADMIN_KEY}\r\nconnection: close\r\n\r\n`,
  );
  const answer = await text(socket);
  return [Number(answer.slice(9, 12)), /"code":"(\w+)"/.exec(answer)?.[1]];
}

async function pathsIn(url: string): Promise<string[]> {
  return Object.keys(((await (await fetch(`${url}/openapi.json`)).json()) as { paths: object }).paths);
}

const resources = new AsyncDisposableStack();
let gateway: TestGateway;
/** Of the same system, with admins on its ops port. */
let moved: { url: string; opsUrl: string };

beforeAll(async () => {
  gateway = resources.use(await startTestGateway({ opsPort: 0, allowedHosts: ['127.0.0.1'] }));
  const { url, opsUrl = '' } = resources.use(
    await gateway.another({ adminOnOpsPort: true, corsOrigins: ['https://app.example.com'] }),
  );
  moved = { url, opsUrl };
});
afterAll(() => resources.disposeAsync());

describe('an ops port', () => {
  test('answers health and metrics under any host, and nothing else', async () => {
    const opsUrl = gateway.opsUrl ?? '';
    for (const path of OPS_PATHS)
      expect([path, await rawStatus(opsUrl, path, 'any.example')]).toEqual([path, [200, undefined]]);
    expect(await (await fetch(`${opsUrl}/metrics`)).text()).toContain('errand_log_fill_ratio');
    for (const path of ['/admin/tenants', '/openapi.json', '/console', '/v2/tenants/acme/jobs']) {
      expect([path, await statusOf(opsUrl + path, { headers: ADMIN })]).toEqual([path, 404]);
    }
  });

  test('has the metrics for itself, and leaves all else where it was', async () => {
    expect(await rawStatus(gateway.url, '/metrics')).toEqual([404, 'unknown_route']);
    for (const path of ['/healthz', '/readyz', '/console', '/admin/tenants']) {
      expect([path, await statusOf(gateway.url + path, { headers: ADMIN })]).toEqual([path, 200]);
    }
    expect(await pathsIn(gateway.url)).not.toContain('/metrics');
  });
});

describe('where admins are served on the ops port', () => {
  test('that port has the administration, the console, the API and its description', async () => {
    for (const path of [
      ...OPS_PATHS,
      '/admin/tenants',
      '/console',
      '/console/t/acme',
      '/docs',
      `/v2/tenants/${TENANT}/actions`,
    ]) {
      expect([path, await statusOf(moved.opsUrl + path, { headers: ADMIN })]).toEqual([path, 200]);
    }
    const ran = await fetch(moved.opsUrl + RUN_PATH, {
      method: 'POST',
      headers: { ...ADMIN, 'content-type': 'application/json' },
      body: '{"tilt_deg":1}',
    });
    expect(ran.status).toBe(202);
    const paths = await pathsIn(moved.opsUrl);
    expect(paths).toEqual(expect.arrayContaining([...OPS_PATHS, '/admin/tenants', '/session']));
  });

  test('that port has no portal, and no page of another origin may call it', async () => {
    for (const path of ['/portal/acme.1', '/portal/acme.1/token']) {
      expect([path, await statusOf(moved.opsUrl + path)]).toEqual([path, 404]);
    }
    expect(await statusOf(`${moved.url}/portal/acme.1`)).toBe(200);
    const asked = { headers: { origin: 'https://app.example.com' } };
    const allowed = async (url: string) =>
      (await fetch(`${url}/v2/tenants/acme/jobs`, asked)).headers.get('access-control-allow-origin');
    expect([await allowed(moved.url), await allowed(moved.opsUrl)]).toEqual([
      'https://app.example.com',
      null,
    ]);
  });

  test('that port answers under allowed hosts only, but for health and metrics', async () => {
    for (const path of OPS_PATHS)
      expect([path, (await rawStatus(moved.opsUrl, path, 'any.example'))[0]]).toEqual([path, 200]);
    expect(await rawStatus(moved.opsUrl, '/admin/tenants', 'any.example')).toEqual([421, 'unknown_host']);
    expect((await rawStatus(moved.opsUrl, '/admin/tenants'))[0]).toBe(200);
  });

  test('the port of the API knows no path of the administration, however it is written', async () => {
    const admin = routes.filter(({ path }) => path.startsWith('/admin/'));
    expect(admin.map(({ key }) => key)).toEqual(admin.map(() => 'admin'));
    for (const { method, path } of admin) {
      const asked = { method: method.toUpperCase(), headers: ADMIN };
      const answer = await fetch(moved.url + path.replaceAll(/\{\w+\}/g, 'x'), asked);
      expect([method, path, answer.status, ((await answer.json()) as { code: string }).code]).toEqual([
        method,
        path,
        404,
        'unknown_route',
      ]);
    }
    for (const target of [
      '/%61dmin/tenants',
      '/x/../admin/tenants',
      '//admin/tenants',
      '/admin/tenants?a=/v2/',
    ]) {
      expect([target, (await rawStatus(moved.url, target))[0]]).toEqual([target, 404]);
    }
    expect((await rawStatus(moved.url, '/%6detrics'))[0]).toBe(404);
    // The router reads what is escaped.
    expect((await rawStatus(gateway.url, '/%61dmin/tenants'))[0]).toBe(200);
    expect((await pathsIn(moved.url)).filter((path) => path.startsWith('/admin'))).toEqual([]);
  });

  test('the port of the API takes the keys of tenants, and no admin key', async () => {
    const path = `/v2/tenants/${TENANT}/actions`;
    const own = { headers: { authorization: `Bearer ${gateway.apiKey}` } };
    expect([await statusOf(moved.url + path, own), await statusOf(moved.opsUrl + path, own)]).toEqual([
      200, 200,
    ]);
    const refused = await fetch(moved.url + path, { headers: ADMIN });
    expect([refused.status, await refused.json()]).toEqual([
      401,
      expect.objectContaining({ code: 'unauthorized', detail: 'Admins are served on the ops port only.' }),
    ]);
    expect(await statusOf(`${moved.url}/session`, { headers: ADMIN })).toBe(204);
  });

  test('sessions of admins begin and count on the ops port only', async () => {
    const begin = (url: string, body: object) =>
      fetch(`${url}/session`, {
        method: 'POST',
        headers: { ...OWN, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    const codeOf = async () => {
      const made = await fetch(`${moved.opsUrl}/admin/sign-in-codes`, { method: 'POST', headers: ADMIN });
      return ((await made.json()) as { code: string }).code;
    };
    for (const proof of [{ api_key: ADMIN_KEY }, { code: await codeOf() }]) {
      const refused = await begin(moved.url, proof);
      expect([refused.status, refused.headers.get('set-cookie')]).toEqual([401, null]);
    }
    expect((await begin(moved.opsUrl, { code: await codeOf() })).status).toBe(200);
    const begun = await begin(moved.opsUrl, { api_key: ADMIN_KEY });
    const cookie = begun.headers.get('set-cookie')?.split(';')[0] ?? '';
    // Elsewhere than on this machine, browsers send a cookie to all ports of a host.
    const sentTo = (url: string) => ({
      headers: { ...OWN, cookie: cookie.replace(/_\d+=/, `_${new URL(url).port}=`) },
    });
    const path = `/v2/tenants/${TENANT}/actions`;
    expect(await statusOf(moved.opsUrl + path, sentTo(moved.opsUrl))).toBe(200);
    expect(await statusOf(`${moved.opsUrl}/admin/tenants`, sentTo(moved.opsUrl))).toBe(200);
    expect(await statusOf(moved.url + path, sentTo(moved.url))).toBe(401);
    expect(await statusOf(`${moved.url}/session`, sentTo(moved.url))).toBe(204);
    expect((await begin(moved.url, { api_key: gateway.apiKey })).status).toBe(200);
  });
});

test('a stop ends what is open on both ports at once', async () => {
  const {
    url,
    opsUrl = '',
    [Symbol.asyncDispose]: stop,
  } = await gateway.another({
    opsPort: 0,
    adminOnOpsPort: true,
  });
  const changes = (base: string) =>
    fetch(`${base}/v2/tenants/${TENANT}/changes`, {
      headers: { authorization: `Bearer ${gateway.apiKey}`, accept: 'text/event-stream' },
    });
  const open = await Promise.all([url, opsUrl].map(changes));
  expect(open.map(({ status }) => status)).toEqual([200, 200]);
  const read = open.map((answer) => answer.text());
  await stop();
  expect(await Promise.all(read)).toHaveLength(2);
  for (const base of [url, opsUrl]) await expect(fetch(`${base}/healthz`)).rejects.toThrow('fetch failed');
});

describe('the settings of the ops port', () => {
  const read = (text: string) => parseConfig({ port: settings.opsPort }, { ERRAND_OPS_PORT: text }).port;

  test('are a port, 0 for a free one, or none', () => {
    expect([read('9090'), read('0'), read('none'), read('')]).toEqual([9090, 0, undefined, undefined]);
    for (const wrong of ['65536', '-1', '1.5', 'ops']) expect(() => read(wrong)).toThrow('must be a port');
  });

  test('that contradict each other end the start', async () => {
    await expect(gateway.another({ opsPort: undefined, adminOnOpsPort: true })).rejects.toThrow(
      'ERRAND_ADMIN_ON_OPS_PORT needs a port: set ERRAND_OPS_PORT',
    );
    await expect(gateway.another({ port: 9_090, opsPort: 9_090 })).rejects.toThrow(
      'ERRAND_PORT and ERRAND_OPS_PORT are both 9090',
    );
  });
});
