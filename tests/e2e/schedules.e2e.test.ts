import { randomBytes } from 'node:crypto';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineAction } from '@errand/actions';
import { type Bus, openBus } from '@errand/bus';
import { ActionRecord, BUCKETS, DEFAULT_TOPOLOGY, type JobEventOf, Metadata } from '@errand/contracts';
import { recordOf } from '@errand/domain/testing';
import { freePort } from '@errand/local-servers';
import { migrate, openDatabase } from '@errand/postgres';
import { createTestDatabase, natsUrlOf, startTestNats, waitUntil } from '@errand/testkit';
import { expect, test } from 'vitest';
import { type Member, startMember } from '../faults/member.ts';
import { createRandom } from '../faults/random.ts';

/* Three gateways that ask for the jobs of schedules, of which one after the other is killed or stopped. */

const TICKS = Number(process.env.ERRAND_TEST_TICKS ?? 100);
const SEED = Number(process.env.ERRAND_TEST_SEED ?? Date.now() % 2 ** 31);
const SCHEDULES = 10;
const GATEWAYS = 3;
/** After so many ticks another gateway has its turn. */
const DISTURBED_EVERY = 15;
const ADMIN_KEY = randomBytes(24).toString('base64url');
const MAIN = join(import.meta.dirname, '..', '..', 'services', 'gateway', 'src', 'main.ts');

const NOTHING = defineAction({
  name: 'nothing',
  description: 'Does nothing',
  resource: '',
  input: Metadata,
  result: Metadata,
  run: () => ({}),
}).contract;

type Requested = Pick<JobEventOf<'JobRequested'>['data'], 'schedule'>;

/** What the log has of the jobs of schedules. */
async function requestsIn(bus: Bus): Promise<Requested[]> {
  const found: Requested[] = [];
  for await (const { decoded } of bus.jobs.readAll({ afterVersion: 0, pageSize: 1_000 })) {
    for (const each of decoded) {
      if (each.kind === 'event' && each.recorded.event.type === 'JobRequested') {
        found.push(each.recorded.event.data);
      }
    }
  }
  return found;
}

test(`${TICKS} ticks have one job each, whoever is killed or stopped meanwhile`, {
  timeout: 120_000 + TICKS * 1_000,
}, async () => {
  console.log(`seed ${SEED}: ERRAND_TEST_SEED=${SEED} disturbs the same gateways`);
  await using resources = new AsyncDisposableStack();
  const nats = resources.use(await startTestNats());
  const database = resources.use(await createTestDatabase());
  const dir = resources.use(await mkdtempDisposable(join(tmpdir(), 'errand-schedules-')));
  const bus = resources.use(await openBus({ servers: nats.url, name: 'test', topology: DEFAULT_TOPOLOGY }));
  const actions = await bus.buckets.open(BUCKETS.actions, ActionRecord);
  await actions.put(NOTHING.name, recordOf(NOTHING));
  const db = openDatabase({ url: database.url, name: 'test', poolSize: 1 });
  await migrate(db);
  await db.destroy();

  const gateways: (Member & { url: string })[] = [];
  for (let copy = 0; copy < GATEWAYS; copy++) {
    const url = `http://127.0.0.1:${await freePort()}`;
    const member = startMember({
      name: `gateway-${copy}`,
      mainFile: MAIN,
      env: {
        ERRAND_HOST: '127.0.0.1',
        ERRAND_PORT: new URL(url).port,
        ERRAND_PROVISION: 'false',
        ERRAND_ADMIN_KEY: ADMIN_KEY,
        ERRAND_SECRET_KEY: Buffer.alloc(32, 7).toString('base64'),
        ERRAND_SCHEDULE_MIN_EVERY_S: '1',
        ERRAND_SCHEDULES_LEASE_MS: '1000',
        ERRAND_LOG_LEVEL: 'warn',
        NATS_URL: natsUrlOf(nats.url, 'gateway'),
        DATABASE_URL: database.url,
      },
      readyUrl: `${url}/readyz`,
      logFile: join(dir.path, `gateway-${copy}.log`),
    });
    gateways.push(Object.assign(resources.use(member), { url }));
  }
  await Promise.all(gateways.map((gateway) => gateway.ready()));

  const call = async (path: string, method: string, body?: object) => {
    const headers = { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' };
    const answer = await fetch(`${gateways[0]?.url}${path}`, { method, headers, body: JSON.stringify(body) });
    expect(answer.ok, await answer.clone().text()).toBe(true);
    return (await answer.json()) as { schedule_id: string };
  };
  await call('/admin/tenants/acme', 'PUT', {});
  const ids: string[] = [];
  for (let index = 0; index < SCHEDULES; index++) {
    const schedule = { action: NOTHING.name, every_s: 1, catch_up: 'all' };
    ids.push((await call('/v2/tenants/acme/schedules', 'POST', schedule)).schedule_id);
  }

  const random = createRandom(SEED);
  const deeds = { kills: 0, stops: 0 };
  let stopped: Member | undefined;
  for (let wanted = DISTURBED_EVERY; wanted < TICKS; wanted += DISTURBED_EVERY) {
    await waitUntil(async () => (await requestsIn(bus)).length >= wanted, { timeoutMs: 60_000 });
    stopped?.resume();
    await Promise.all(gateways.map((gateway) => gateway.ready()));
    const victim = random.pick(gateways);
    stopped = undefined;
    if (random.chance(0.5)) {
      deeds.kills += 1;
      victim.kill();
    } else {
      deeds.stops += 1;
      victim.pause();
      stopped = victim;
    }
  }
  stopped?.resume();
  const requests = await waitUntil(
    async () => {
      const found = await requestsIn(bus);
      return found.length >= TICKS ? found : undefined;
    },
    { timeoutMs: 60_000 },
  );
  for (const id of ids) {
    const own = requests.flatMap(({ schedule }) =>
      schedule?.schedule_id === id ? [Date.parse(schedule.at)] : [],
    );
    const [first = 0] = own;
    expect(own, id).toEqual(own.map((_, index) => first + index * 1_000));
  }
  console.log('schedules', { ticks: requests.length, ...deeds });
  expect(gateways.flatMap(({ falls }) => falls)).toEqual([]);
});
