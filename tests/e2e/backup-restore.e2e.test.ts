import { join } from 'node:path';
import { startTestNats, startTestPostgres } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Drill, expectSuccess, LARGE, startDrill } from './drill.ts';
import { runErrand } from './errand-command.ts';
import { startSystem } from './system.ts';

/*
 * A drill: NATS and Postgres are lost with all their data, and a backup that was taken under load is all that there is. Every
 * job that it has must end, and each ending be told.
 */

const CALLERS = 4;

const resources = new AsyncDisposableStack();
afterAll(() => resources.disposeAsync());
let drill: Drill;
let backup: string;

beforeAll(async () => {
  drill = resources.use(await startDrill());
  const { folder, receiver, settings } = drill;
  backup = join(folder, 'backup');
  await using losing = new AsyncDisposableStack();
  const nats = losing.use(await startTestNats());
  const postgres = losing.use(await startTestPostgres());
  const system = losing.use(await startSystem({ natsUrl: nats.url, databaseUrl: postgres.url }, settings));
  const caller = await drill.fill(system);

  // The backup is taken while jobs come and end; those may be in it or not.
  const loaded = new AbortController();
  let more = 0;
  const load = Array.from({ length: CALLERS }, async () => {
    while (!loaded.signal.aborted) if (await caller.run('quick', { text: LARGE })) more++;
  });
  const { stderr } = await expectSuccess(runErrand({ NATS_URL: nats.url }, ['backup', backup]));
  loaded.abort();
  await Promise.all(load);
  expect(more).toBeGreaterThan(0);
  expect(stderr).toMatch(/^AUDIT {2}\d+ messages/m);
  // Calls were made, and none was taken: the deliveries that are due again are lost with Postgres.
  expect(receiver.requests.length).toBeGreaterThan(0);
  await nats.kill();
});

test('after the loss of NATS and Postgres every job of the backup ends, and each ending is told', {
  timeout: 180_000,
}, async () => {
  const { receiver, settings } = drill;
  receiver.requests.length = 0;
  receiver.respond = 200;
  await using nats = await startTestNats();
  await using postgres = await startTestPostgres();
  const servers = { natsUrl: nats.url, databaseUrl: postgres.url };
  const { stdout } = await expectSuccess(runErrand({ NATS_URL: nats.url }, ['restore', backup]));
  expect(stdout).toMatch(/^restored /);
  {
    await using system = await startSystem(servers, settings);
    await drill.letEnd();
    await drill.expectAllEnd(system);
    await drill.expectVerified(system);
  }

  // The same over a log that went on, beside a database that is ahead of the backup, and knows who was told.
  const refused = await runErrand({ NATS_URL: nats.url }, ['restore', backup]);
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('with --replace it is deleted') });
  await expectSuccess(runErrand({ NATS_URL: nats.url }, ['restore', backup, '--replace']));
  await using system = await startSystem(servers, settings);
  await expectSuccess(drill.errand(system, 'projection', 'rebuild', '--wait'));
  await drill.expectAllEnd(system);
  await drill.expectVerified(system);
});
