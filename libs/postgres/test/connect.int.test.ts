import { createTestDatabase, type TestDatabase } from '@errand/testkit';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Db, openDatabase } from '../src/connect.ts';

let database: TestDatabase;
let db: Db;
beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase({ url: database.url, name: 'test', poolSize: 1 });
  await sql`create table things (id int primary key)`.execute(db);
});
afterAll(async () => {
  await db?.destroy();
  await database?.[Symbol.asyncDispose]();
});

const session = async () =>
  (await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db)).rows[0]?.pid;
const insert = (id: number) => sql`insert into things values (${id})`.execute(db);

test('a session that was made while the server was read only is not kept', async () => {
  // As after a failover: whoever connects from here on is read only, until that is undone.
  const name = sql.id(new URL(database.url).pathname.slice(1));
  await sql`alter database ${name} set default_transaction_read_only = on`.execute(db);
  await sql`select pg_terminate_backend(pg_backend_pid())`.execute(db).catch(() => {});
  await expect(insert(1)).rejects.toMatchObject({ code: '25006' });
  await sql`begin read write; alter database ${name} reset default_transaction_read_only; commit`.execute(db);
  const before = await session();
  await expect(insert(1).catch(() => insert(1))).resolves.toBeDefined();
  expect(await session()).not.toBe(before);
});

test('a session continues after a failed statement', async () => {
  const before = await session();
  await expect(insert(1)).rejects.toMatchObject({ code: '23505' });
  await expect(db.transaction().execute((trx) => sql`nonsense`.execute(trx))).rejects.toMatchObject({
    code: '42601',
  });
  expect(await session()).toBe(before);
});

test('a transaction without a limit for statements may take longer than its client waits for others', async () => {
  const hasty = openDatabase({ url: database.url, name: 'test', poolSize: 1, statementTimeoutMs: 100 });
  const longer = sql`select pg_sleep(1.3)`;
  await hasty.transaction().execute(async (trx) => {
    await sql`set local statement_timeout = 0`.execute(trx);
    await longer.execute(trx);
  });
  await expect(longer.execute(hasty)).rejects.toMatchObject({ code: '57014' });
  await hasty.destroy();
});

test('a new connection is made with the URL of that moment', async () => {
  await using other = await createTestDatabase();
  let url = database.url;
  const live = openDatabase({ url: () => url, name: 'test', poolSize: 1 });
  const connectedTo = async () =>
    (await sql<{ name: string }>`select current_database() as name`.execute(live)).rows[0]?.name;
  const nameIn = (each: TestDatabase) => new URL(each.url).pathname.slice(1);
  expect(await connectedTo()).toBe(nameIn(database));
  ({ url } = other);
  expect(await connectedTo()).toBe(nameIn(database));
  await sql`select pg_terminate_backend(pg_backend_pid())`.execute(live).catch(() => {});
  expect(await connectedTo()).toBe(nameIn(other));
  await live.destroy();
});

test.each([
  'postgres://errand:secret@[half',
  'postgres://errand@127.0.0.1/errand?sslrootcert=/nowhere/ca.pem',
])('the URL %s fails whoever waits for a connection, and nothing else', async (wrong) => {
  let url = database.url;
  const live = openDatabase({ url: () => url, name: 'test', poolSize: 1 });
  const ask = () => sql`select 1`.execute(live);
  await ask();
  url = wrong;
  const ended = sql`select pg_terminate_backend(pg_backend_pid())`.execute(live).catch(() => {});
  const waiting = await Promise.allSettled([ask(), ask()]);
  expect(waiting.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await ended;
  url = database.url;
  await expect(ask()).resolves.toBeDefined();
  await live.destroy();
});
