import { randomUUIDv7 } from 'node:crypto';
import { migrate, shardOf } from '@errand/postgres';
import {
  createTestDatabase,
  startTestNats,
  type TestDatabase,
  type TestNats,
  waitUntil,
} from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { jobQueueId } from '../src/sending/target.ts';
import { openTestSystem, type TestSystem } from './system.ts';

const DAY_MS = 86_400_000;
const RETENTION_DAYS = 30;
const TENANT_ID = 'acme';
const daysAgo = (days: number) => new Date(Date.now() - days * DAY_MS).toISOString();

let nats: TestNats;
let database: TestDatabase;
let system: TestSystem;

beforeAll(async () => {
  nats = await startTestNats();
  database = await createTestDatabase();
  system = await openTestSystem({ natsUrl: nats.url, databaseUrl: database.url });
  await migrate(system.db);
});

afterAll(async () => {
  await system[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
  await nats[Symbol.asyncDispose]();
});

async function storeReplay(state: 'running' | 'done', updated_at: string): Promise<string> {
  const replay_id = randomUUIDv7();
  const endpoint_id = 'whe_replayed';
  const times = {
    since: updated_at,
    until: updated_at,
    due_at: daysAgo(-1),
    created_at: updated_at,
    updated_at,
  };
  const none = { types: null, cursor: null, error: null, matched: 0, scheduled: 0 };
  const about = { tenant_id: TENANT_ID, which: 'all', dry_run: true, phase: 'log' } as const;
  await system.db
    .insertInto('webhook_replay')
    .values({ replay_id, endpoint_id, state, ...about, ...times, ...none })
    .execute();
  return replay_id;
}

async function storeState(endpoint_id: string, updated_at: string): Promise<string> {
  const about = {
    tenant_id: TENANT_ID,
    shard: shardOf(endpoint_id),
    state: 'active',
    breaker: 'closed',
  } as const;
  await system.db
    .insertInto('webhook_endpoint_state')
    .values({ endpoint_id, ...about, failed_attempts: 0, probe_step: 0, updated_at })
    .execute();
  return endpoint_id;
}

test('replays that ended before the delivery log begins are dropped, and states of endpoints that are gone', async () => {
  const there = await system.addEndpoint({ tenant_id: TENANT_ID, url: 'https://example.com/' });
  const old = daysAgo(RETENTION_DAYS + 1);
  const recent = daysAgo(RETENTION_DAYS - 1);
  const replays = [await storeReplay('running', old), await storeReplay('done', recent)];
  const ended = await storeReplay('done', old);
  const states = [
    await storeState(there.endpoint_id, old),
    await storeState(jobQueueId(TENANT_ID, 'https://example.com/job'), old),
    await storeState('whe_gone_lately', recent),
  ];
  const gone = await storeState('whe_gone', old);
  await using _service = await system.start({ retentionDays: RETENTION_DAYS });
  const replayIds = async () =>
    (await system.db.selectFrom('webhook_replay').select('replay_id').execute()).map((row) => row.replay_id);
  const stateIds = async () =>
    (await system.db.selectFrom('webhook_endpoint_state').select('endpoint_id').execute()).map(
      (row) => row.endpoint_id,
    );
  await waitUntil(async () => !(await replayIds()).includes(ended) && !(await stateIds()).includes(gone));
  expect((await replayIds()).sort()).toEqual(replays.sort());
  expect((await stateIds()).sort()).toEqual(states.sort());
});
