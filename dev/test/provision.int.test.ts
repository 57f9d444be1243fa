import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openDatabase } from '@errand/postgres';
import { createTestDatabase, natsUrlOf, startTestNats, type TestNats } from '@errand/testkit';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

const MAIN = join(import.meta.dirname, '..', 'provision.ts');

let nats: TestNats;
beforeAll(async () => {
  nats = await startTestNats();
});
afterAll(() => nats?.[Symbol.asyncDispose]());

/** Resolves with the exit code and what was said. */
async function provision(env: Record<string, string>): Promise<[code: number, said: string]> {
  const running = promisify(execFile)(process.execPath, [MAIN], { env: { ...env, PATH: process.env.PATH } });
  return running.then(
    ({ stdout }) => [0, stdout],
    ({ code, stderr }) => [code, stderr],
  );
}

test('the process ends with 0 once all is there, however often it runs', async () => {
  const env = { NATS_URL: natsUrlOf(nats.url, 'provision') };
  for (const maxBytes of ['50000000', '60000000']) {
    const ended = await provision({ ...env, ERRAND_JOBS_MAX_BYTES: maxBytes });
    expect(ended).toEqual([0, 'NATS has all streams and buckets\n']);
  }
});

test('a wrong setting, and a user who may not, end it with 2, in words', async () => {
  expect(await provision({ ERRAND_REPLICAS: 'x' })).toEqual([2, expect.stringContaining('ERRAND_REPLICAS')]);
  const asWebhooks = await provision({ NATS_URL: natsUrlOf(nats.url, 'webhooks') });
  expect(asWebhooks).toEqual([2, expect.stringContaining('Permissions Violation')]);
});

test('two of the three roles are refused, before anything is made', async () => {
  const roles = { ERRAND_GATEWAY_ROLE: 'a', ERRAND_PROJECTION_ROLE: 'b' };
  const ended = await provision({ NATS_URL: natsUrlOf(nats.url, 'provision'), ...roles });
  expect(ended).toEqual([2, expect.stringContaining('ERRAND_WEBHOOKS_ROLE')]);
});

test('with a role for each service, the database is migrated, and a gateway may read it and nothing else', async () => {
  await using database = await createTestDatabase();
  const admin = openDatabase({ url: database.url, name: 'test', poolSize: 1 });
  const roles = ['gateway', 'projection', 'webhooks'].map((name) => `provisioned_${name}_${process.pid}`);
  for (const role of roles) await sql`create role ${sql.id(role)} login password 'x'`.execute(admin);
  const [ERRAND_GATEWAY_ROLE = '', ERRAND_PROJECTION_ROLE = '', ERRAND_WEBHOOKS_ROLE = ''] = roles;
  const env = {
    NATS_URL: natsUrlOf(nats.url, 'provision'),
    DATABASE_URL: database.url,
    ERRAND_GATEWAY_ROLE,
    ERRAND_PROJECTION_ROLE,
    ERRAND_WEBHOOKS_ROLE,
  };
  for (const _ of [1, 2]) {
    expect(await provision(env)).toEqual([
      0,
      expect.stringMatching(/\nPostgres has all tables, and its roles/),
    ]);
  }
  const url = Object.assign(new URL(database.url), { username: ERRAND_GATEWAY_ROLE, password: 'x' }).href;
  const gateway = openDatabase({ url, name: 'test', poolSize: 1 });
  expect((await sql`select from job_summary`.execute(gateway)).rows).toEqual([]);
  await expect(sql`delete from job_summary`.execute(gateway)).rejects.toMatchObject({ code: '42501' });
  await gateway.destroy();
  for (const role of roles) {
    await sql`drop owned by ${sql.id(role)} cascade`.execute(admin);
    await sql`drop role ${sql.id(role)}`.execute(admin);
  }
  await admin.destroy();
});
