import { connect } from 'node:net';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RUN_PATH, STARTED, SUCCEEDED, startTestGateway, TENANT, type TestGateway } from './gateway.ts';
import { openReadModel } from './read-model.ts';
import { createAttacker, namedFirst } from './usage.ts';

/* What one tenant asks of Postgres leaves room for the others, and what it does not take does not pile up. */

let gateway: TestGateway;
let model: ReturnType<typeof openReadModel>;
beforeAll(async () => {
  gateway = await startTestGateway({ statusDatabaseTimeoutMs: 20_000, requestsPerKey: 500 });
  model = openReadModel(gateway);
  await model.migrate();
});
afterAll(async () => {
  await model?.[Symbol.asyncDispose]();
  await gateway?.[Symbol.asyncDispose]();
});

/** How many connections of the gateway wait for the lock, and have for so long. */
async function waitingConnections(forMs = 0): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from pg_stat_activity
    where application_name = 'errand-gateway' and wait_event_type = 'Lock'
      and now() - query_start >= ${forMs} * interval '1 ms'`.execute(model.db);
  return rows[0]?.count ?? 0;
}

/** Nobody reads or writes the table until this is disposed of. */
async function lockJobs() {
  const lock = Promise.withResolvers<void>();
  const locked = Promise.withResolvers<void>();
  const holding = model.db.transaction().execute(async (trx) => {
    await sql`lock table job_summary in access exclusive mode`.execute(trx);
    locked.resolve();
    await lock.promise;
  });
  await locked.promise;
  const unlock = async () => {
    lock.resolve();
    await holding;
  };
  return { unlock, [Symbol.asyncDispose]: unlock };
}

test('the lists of a tenant have half of the connections, and those that are too many get 429', async () => {
  const { api_key } = await gateway.createKey('globex', 'k');
  const attacker = await createAttacker(gateway);
  await using lock = await lockJobs();
  const list = () => gateway.call(`/v2/tenants/${TENANT}/jobs`, { token: attacker.api_key });
  const lists = Array.from({ length: 60 }, list);
  await expect.poll(() => waitingConnections()).toBe(5);
  const refused: Awaited<ReturnType<typeof list>>[] = [];
  for (const each of lists) void each.then((answer) => refused.push(answer));
  await expect.poll(() => refused.length, { timeout: 10_000 }).toBe(28);
  const [first] = refused;
  expect([first?.status, first?.json.code, first?.headers.get('retry-after')]).toEqual([
    429,
    'too_many_reads',
    '1',
  ]);
  const others = gateway.call('/v2/tenants/globex/jobs', { token: api_key });
  await expect.poll(() => waitingConnections()).toBe(6);
  await lock.unlock();
  expect((await others).status).toBe(200);
  const statuses = (await Promise.all(lists)).map(({ status }) => status);
  expect(statuses.filter((status) => status === 200)).toHaveLength(32);
  expect(statuses.filter((status) => status === 429)).toHaveLength(28);
  expect((await namedFirst(gateway, attacker)).attacker).toMatchObject({ requests: 60, refused: 28 });
  expect((await gateway.call(`/v2/tenants/${TENANT}/jobs`)).status).toBe(200);
});

test('a key whose one list takes long is named before one that asks for more', async () => {
  const attacker = await createAttacker(gateway);
  const filters = Array.from({ length: 20 }, (_, at) => `metadata.k${at}=v`).join('&');
  await using lock = await lockJobs();
  const list = () => gateway.call(`/v2/tenants/${TENANT}/jobs?${filters}`, { token: attacker.api_key });
  const answer = list();
  await expect.poll(() => waitingConnections(300), { timeout: 10_000 }).toBe(1);
  await lock.unlock();
  expect((await answer).status).toBe(200);
  const named = await namedFirst(gateway, attacker);
  expect(named.attacker.read_ms).toBeGreaterThan(named.attacker.busy_ms);
  expect(named.neighbour.read_ms).toBe(0);
});

/** An ended job whose result has so many characters. */
async function endedJob(characters: number): Promise<string> {
  const { job_id, version } = (await gateway.call(RUN_PATH, { body: { tilt_deg: 1 } })).json;
  const started = await gateway.append(job_id, version, STARTED);
  await gateway.append(job_id, started ?? 0, SUCCEEDED);
  await model.project(job_id, () => ({ result: JSON.stringify('x'.repeat(characters)) }));
  return `/v2/tenants/${TENANT}/jobs/${job_id}`;
}

test('a page of large results has some two megabytes', async () => {
  for (let count = 0; count < 6; count++) await endedJob(900_000);
  const page = await gateway.call(`/v2/tenants/${TENANT}/jobs`);
  expect(page.json.jobs.length).toBe(2);
  expect(page.text.length).toBeLessThan(2_000_000);
});

test('a key whose answers are not read gets no more of them until they are', async () => {
  const job = await endedJob(20_000_000);
  const attacker = await createAttacker(gateway);
  const ended = `GET ${job} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${attacker.api_key}\r\n\r\n`;
  const sockets = Array.from({ length: 10 }, () => {
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1').pause();
    socket.on('error', () => {});
    socket.write(ended);
    return socket;
  });
  const actions = `/v2/tenants/${TENANT}/actions`;
  const status = async () => (await gateway.call(actions, { token: attacker.api_key })).status;
  await expect.poll(status, { timeout: 20_000 }).toBe(429);
  expect((await gateway.call(actions)).status).toBe(200);
  await namedFirst(gateway, attacker);
  for (const socket of sockets) socket.destroy();
  await expect.poll(status, { timeout: 20_000 }).toBe(200);
});
