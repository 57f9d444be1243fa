import { createTestDatabase, createTestRoles, type TestDatabase } from '@errand/testkit';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Db, openDatabase } from '../src/connect.ts';
import { createDailyPartitions } from '../src/daily-partitions.ts';
import { migrate } from '../src/migrate.ts';
import { grantRoles, type RoleNames } from '../src/roles.ts';

/* What the role of each service may do in a database, and what it may not. */

const resources = new AsyncDisposableStack();
let database: TestDatabase;
let admin: Db;
let as: Record<keyof RoleNames, Db>;
const EVENT = '01890a5d-ac96-774b-bcce-b302099a8057';

function open(url: string): Db {
  const db = openDatabase({ url, name: 'test', poolSize: 1 });
  resources.defer(() => db.destroy());
  return db;
}

beforeAll(async () => {
  database = resources.use(await createTestDatabase());
  admin = open(database.url);
  await migrate(admin);
  const roles = resources.use(await createTestRoles(database.url));
  await createDailyPartitions(admin, 'webhook_message').ensureFor([EVENT]);
  for (const _ of [1, 2]) await grantRoles(admin, roles.names);
  const connectAs = (service: keyof RoleNames) => open(roles.urlOf(service));
  as = {
    gateway: connectAs('gateway'),
    projection: connectAs('projection'),
    webhooks: connectAs('webhooks'),
  };
});
afterAll(() => resources.disposeAsync());

const TABLES = [
  'job_summary',
  'job_stats',
  'webhook_message',
  'webhook_delivery',
  'webhook_replay',
  'log_position',
];
const MESSAGE = sql`insert into webhook_message (event_id, tenant_id, type, body) values (${EVENT}::uuid, 'acme', 'a', '{}')`;

test.each(['projection', 'webhooks'] as const)(
  '%s finds nothing to migrate at its start',
  async (service) => {
    await migrate(as[service]);
  },
);

test('a gateway reads everything and writes nothing', async () => {
  for (const table of TABLES) {
    const target = sql.table(table);
    await sql`select from ${target}`.execute(as.gateway);
    for (const change of [sql`delete from ${target}`, sql`truncate ${target}`, sql`drop table ${target}`]) {
      await expect(change.execute(as.gateway)).rejects.toMatchObject({ code: '42501' });
    }
  }
  await expect(sql`create table stray (id int)`.execute(as.gateway)).rejects.toMatchObject({ code: '42501' });
});

test('webhooks makes partitions, writes deliveries and moves its position, and no more', async () => {
  const later = '01990a5d-ac96-774b-bcce-b302099a8057';
  await createDailyPartitions(as.webhooks, 'webhook_message').ensureFor([later]);
  await MESSAGE.execute(as.webhooks);
  await sql`select count(*) from webhook_message where event_id = ${later}::uuid`.execute(as.gateway);
  await sql`insert into log_position (reader, version) values ('test', 1)`.execute(as.webhooks);
  for (const refused of [
    sql`delete from job_summary`,
    sql`update job_stats set tenant_id = 'a'`,
    sql`select from job_summary`,
    sql`delete from log_position`,
    sql`delete from tenant_deletion`,
    sql`delete from kysely_migration`,
  ]) {
    await expect(refused.execute(as.webhooks)).rejects.toMatchObject({ code: '42501' });
  }
});

test('the projection writes the read model and deletes deliveries of a tenant, and makes none', async () => {
  await createDailyPartitions(as.projection, 'job_summary').ensureFor([EVENT]);
  await sql`delete from job_summary`.execute(as.projection);
  await sql`delete from webhook_message where tenant_id = 'acme'`.execute(as.projection);
  for (const refused of [
    MESSAGE,
    sql`update webhook_delivery set attempts = 0`,
    sql`drop table webhook_message`,
  ]) {
    await expect(refused.execute(as.projection)).rejects.toMatchObject({ code: '42501' });
  }
});
