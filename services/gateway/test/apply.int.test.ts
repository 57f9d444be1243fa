import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ADMIN_KEY, startTestGateway, type TestGateway } from './gateway.ts';

/* `errand apply` against a gateway. */

const COMMAND = fileURLToPath(new URL('../../../libs/cli/src/main.ts', import.meta.url));
const SECRETS = { BILLING_TOKEN: 'b'.repeat(40), CRM_PASSWORD: 'first-password' };
const FILE = `
tenants:
  north:
    limits: { max_running: 5 }
    actions: [performance_simulation]
    keys:
      billing: { token: { env: BILLING_TOKEN }, scopes: [jobs:read], expires_at: 2999-01-01T02:00:00+02:00 }
    endpoints:
      crm:
        url: https://crm.example.com/hooks
        event_types: [job.failed]
        basic_auth: { username: errand, password: { env: CRM_PASSWORD } }
        secret_headers: { x-token: { file: token } }
`;

let gateway: TestGateway;
let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'errand-apply-'));
  await writeFile(join(dir, 'errand.yaml'), FILE);
  await writeFile(join(dir, 'token'), 'header-secret\n');
  gateway = await startTestGateway();
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

function apply(args: readonly string[] = [], secrets: object = {}) {
  const env = { PATH: process.env.PATH, ERRAND_URL: gateway.url, ERRAND_ADMIN_KEY: ADMIN_KEY };
  const all = { ...env, ...SECRETS, ...secrets };
  return new Promise<{ code: number; out: string; said: string }>((resolve) => {
    const words = [COMMAND, 'apply', '-f', join(dir, 'errand.yaml'), ...args];
    execFile(process.execPath, words, { env: all }, (error, out, said) => {
      resolve({ code: error ? Number(error.code) : 0, out, said });
    });
  });
}
const admin = (path: string, body?: object) =>
  gateway.call(path, { token: ADMIN_KEY, ...(body && { method: 'PUT', body }) });

test('what a file declares is made, the same again changes nothing, and drift is named', async () => {
  const dry = await apply(['--dry-run']);
  expect([dry.code, dry.out]).toEqual([
    1,
    'make            tenant north: limits, actions\nmake            key north/billing\nmake            endpoint north/crm\n',
  ]);
  expect((await admin('/admin/tenants/north')).status).toBe(404);
  const made = await apply();
  expect([made.code, made.out]).toEqual([0, '3 changes made\n']);
  expect((await admin('/admin/tenants/north')).json).toMatchObject({
    limits: { max_running: 5 },
    actions: ['performance_simulation'],
  });
  const jobs = await gateway.call('/v2/tenants/north/webhooks', { token: SECRETS.BILLING_TOKEN });
  expect(jobs.json).toMatchObject({ code: 'forbidden' });
  const { webhooks } = (await admin('/v2/tenants/north/webhooks')).json;
  expect(webhooks).toMatchObject([
    { description: 'crm', basic_auth: { username: 'errand' }, secret_headers: [{ name: 'x-token' }] },
  ]);
  const before = (await admin('/v2/tenants/north/webhooks')).text;
  for (const args of [[], ['--dry-run'], ['--prune']]) {
    expect(await apply(args)).toEqual({ code: 0, out: 'all is as declared\n', said: '' });
  }
  expect((await admin('/v2/tenants/north/webhooks')).text).toBe(before);

  await admin('/admin/tenants/north', { limits: { max_running: 9 } });
  const drift = await apply(['--dry-run'], { CRM_PASSWORD: 'second-password' });
  expect([drift.code, drift.out]).toEqual([
    1,
    'change          tenant north: limits\nchange          endpoint north/crm: basic_auth\n',
  ]);
  expect((await apply([], { CRM_PASSWORD: 'second-password' })).out).toBe('2 changes made\n');
  expect((await apply(['--dry-run'], { CRM_PASSWORD: 'second-password' })).code).toBe(0);
  const told = JSON.stringify([dry, made, drift]);
  for (const secret of [...Object.values(SECRETS), 'second-password', 'header-secret']) {
    expect(told).not.toContain(secret);
  }
});

test('what is not in the file is named, and removed only if that is asked for', async () => {
  await apply();
  const key = await gateway.call('/admin/tenants/north/keys', { token: ADMIN_KEY, body: { name: 'stray' } });
  const hook = { url: 'https://stray.example.com/a', description: 'stray hook' };
  await gateway.call('/v2/tenants/north/webhooks', { token: ADMIN_KEY, body: hook });
  const left = await apply();
  expect([left.code, left.out]).toEqual([
    0,
    'not in the file key north/stray\nnot in the file endpoint north/stray hook\n0 changes made\n',
  ]);
  expect((await gateway.call('/v2/tenants/north/actions', { token: key.json.api_key })).status).toBe(200);
  expect((await apply(['--prune'])).out).toBe('2 changes made\n');
  expect((await gateway.call('/v2/tenants/north/actions', { token: key.json.api_key })).status).toBe(401);
  expect((await apply(['--dry-run'])).out).toBe('all is as declared\n');
});

test('schedules are made, changed and removed as a file says', async () => {
  const file = join(dir, 'schedules.yaml');
  const declare = (schedules: object) =>
    writeFile(file, JSON.stringify({ tenants: { south: { limits: {}, schedules } } }));
  const nightly = {
    action: 'simulate',
    resource: { design_id: 'd-1' },
    input: { tilt_deg: 1 },
    cron: '0 3 * * *',
    starts_at: '2999-01-01T02:00:00+02:00',
  };
  await declare({ nightly });
  expect((await apply(['-f', file])).out).toBe('2 changes made\n');
  expect((await apply(['-f', file, '--dry-run'])).out).toBe('all is as declared\n');
  const read = async () => (await admin('/v2/tenants/south/schedules')).json.schedules;
  expect(await read()).toMatchObject([{ external_id: 'nightly', cron: '0 3 * * *', overlap: 'queue' }]);
  await declare({ nightly: { ...nightly, cron: undefined, every_s: 3_600, overlap: 'skip' } });
  const drift = await apply(['-f', file, '--dry-run']);
  expect(drift.out).toBe('change          schedule south/nightly: cron, every_s, overlap\n');
  expect((await apply(['-f', file])).out).toBe('1 change made\n');
  expect(await read()).toMatchObject([{ cron: null, every_s: 3_600, overlap: 'skip' }]);
  await declare({});
  expect((await apply(['-f', file])).out).toContain('not in the file schedule south/nightly\n');
  expect((await apply(['-f', file, '--prune'])).out).toBe('1 change made\n');
  expect(await read()).toEqual([]);
  await declare({ nightly: { ...nightly, input: { tilt_deg: 91 } } });
  const { code, said } = await apply(['-f', file]);
  expect(code).toBe(2);
  expect(said).toMatch(/tenants\.south\.schedules\.nightly: .*\n {2}#\/input\/tilt_deg /);
});

test('what the gateway refuses is named', async () => {
  await apply();
  const file = join(dir, 'refused.yaml');
  await writeFile(file, 'tenants: { north: { endpoints: { crm: { url: "ftp://crm.example.com" } } } }');
  const { code, said } = await apply(['-f', file]);
  expect(code).toBe(2);
  expect(said).toMatch(/tenants\.north\.endpoints\.crm: .*\n {2}#\/url /);
});
