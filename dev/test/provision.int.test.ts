import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openDatabase } from '@errand/postgres';
import {
  createTestDatabase,
  createTestRoles,
  natsUrlOf,
  startTestNats,
  type TestNats,
} from '@errand/testkit';
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
  await using roles = await createTestRoles(database.url);
  const env = {
    NATS_URL: natsUrlOf(nats.url, 'provision'),
    DATABASE_URL: database.url,
    ERRAND_GATEWAY_ROLE: roles.names.gateway,
    ERRAND_PROJECTION_ROLE: roles.names.projection,
    ERRAND_WEBHOOKS_ROLE: roles.names.webhooks,
  };
  for (const _ of [1, 2]) {
    expect(await provision(env)).toEqual([
      0,
      expect.stringMatching(/\nPostgres has all tables, and its roles/),
    ]);
  }
  const gateway = openDatabase({ url: roles.urlOf('gateway'), name: 'test', poolSize: 1 });
  expect((await sql`select from job_summary`.execute(gateway)).rows).toEqual([]);
  await expect(sql`delete from job_summary`.execute(gateway)).rejects.toMatchObject({ code: '42501' });
  await gateway.destroy();
});
