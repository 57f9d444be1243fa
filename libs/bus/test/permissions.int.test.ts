import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ApiKey,
  BUCKETS,
  ExecutorHeartbeat,
  executorConsumer,
  inboxPrefix,
  JOBS_STREAM,
  NATS_ROLES,
  type NatsRole,
  natsUser,
  PROJECTION_READER,
} from '@errand/contracts';
import { startNatsServer } from '@errand/local-servers';
import type { NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Bus, openBus } from '../src/bus.ts';
import { connectBus } from '../src/connect/connect.ts';
import { provisionServer } from '../src/connect/until-provisioned.ts';
import { isForbidden, LogUnavailable, UnfitServer } from '../src/errors.ts';
import { connectionOf, memoryPosition } from '../src/testing.ts';
import { newJob, requested, started, TOPOLOGY } from './bus.ts';

/* A server with a user for each role. Its streams are made by the first test. */

const resources = new AsyncDisposableStack();
let host: string;
beforeAll(async () => {
  const dir = await mkdtemp(join(tmpdir(), 'errand-roles-'));
  resources.defer(() => rm(dir, { recursive: true }));
  const users = [...NATS_ROLES.map((role) => natsUser(role, role)), natsUser('executor', 'executor', 'add')];
  const server = await startNatsServer({
    storeDir: join(dir, 'nats'),
    logFile: join(dir, 'nats.log'),
    more: { authorization: { users } },
  });
  resources.defer(() => server.stop());
  host = new URL(server.url).host;
});
afterAll(() => resources.disposeAsync());

const LIMITS = { maxEntries: 1_000, maxMs: 5_000 };
const CREATED = '2026-01-01T00:00:00.000Z';
const urlOf = (user: string, password = user) => `nats://${user}:${password}@${host}`;
const busOf = (
  role: NatsRole,
  {
    user = role,
    onStatus = () => {},
  }: { user?: string; onStatus?: (status: string, detail: string) => void } = {},
): Promise<Bus> =>
  openBus({
    servers: urlOf(user, role),
    name: `errand-${role}`,
    role,
    topology: TOPOLOGY,
    provisions: false,
    onStatus,
  });

test('a service that may make nothing waits for what is missing, which it names, until it is made', async () => {
  const said: string[] = [];
  const opening = busOf('projection', { onStatus: (_, detail) => said.push(detail) });
  await expect.poll(() => said).toEqual(['provisioning: there is no JOBS: `errand provision` makes it']);
  await provisionServer({ servers: urlOf('provision'), name: 'errand-provision', topology: TOPOLOGY });
  await using bus = await opening;
  expect(await bus.isAnswering()).toBe(true);
});

test('a service that is told to make streams and may not is refused, in words that say what to do', async () => {
  const opening = openBus({
    servers: urlOf('gateway'),
    name: 'errand-gateway',
    role: 'gateway',
    topology: TOPOLOGY,
  });
  await expect(opening).rejects.toThrow(UnfitServer);
  await expect(opening).rejects.toThrow(/STREAM\.CREATE\.JOBS.*ERRAND_PROVISION/);
});

test('what is provisioned again stays, and gets the new settings', async () => {
  const topology = { ...TOPOLOGY, jobsMaxAgeHours: 72 };
  await provisionServer({ servers: urlOf('provision'), name: 'errand-provision', topology });
  await using bus = await busOf('gateway');
  expect((await bus.jobs.reach()).lastVersion).toBeGreaterThan(0);
});

test.each(['executor', 'executor-add'])(
  'each role does its part of a job, the executor as %s',
  async (user) => {
    await using gateway = await busOf('gateway');
    await using scheduler = await busOf('scheduler');
    await using executor = await busOf('executor', { user });
    await using projection = await busOf('projection');
    const ref = newJob();
    await scheduler.consumers.provision(
      executorConsumer('add', { slot: 0, contractId: 'c1', leaseMs: 30_000 }),
    );
    const keys = await gateway.buckets.watchRecorded('key', ApiKey);
    expect(
      await keys.by('admin').create(user, { tenant_id: 'acme', name: 'k', created_at: CREATED } as never),
    ).toBe(true);
    await keys.caughtUp();
    keys.close();
    const { lastVersion, beganAt } = await projection.jobs.reach();
    const ended = new AbortController();
    const taken: string[] = [];
    const reading = projection.jobs.readInOrder({
      reader: PROJECTION_READER,
      position: memoryPosition(Math.max(lastVersion, beganAt - 1)),
      fillsAnew: true,
      maxBatch: 100,
      lingerMs: 0,
      sinceMs: () => 0,
      signal: ended.signal,
      onUnreadable: () => {},
      onError: (error) => taken.push(String(error)),
      take: async (batch) => {
        taken.push(...batch.map(({ event }) => event.type));
        return true;
      },
    });
    const outcome = await gateway.jobs.append({ ref, event: requested(ref), expectedVersion: 0 });
    if (outcome.kind !== 'appended') throw new Error(outcome.kind);
    const working = executor.consumers.work({
      consumer: { stream: JOBS_STREAM, name: 'executor-add-0', ackWaitMs: 30_000 },
      slots: 1,
      signal: ended.signal,
      onUnreadable: () => {},
      onError: () => {},
      handle: async ({ recorded }) => {
        expect(await executor.jobs.readHeldRequest(ref, 'c1')).toBeUndefined();
        await executor.jobs.append({ ref, event: started(ref), expectedVersion: recorded.version });
        return { kind: 'done' };
      },
    });
    await expect.poll(() => taken).toEqual(['JobRequested', 'JobStarted']);
    expect(
      (await projection.consumers.standingOf({ stream: JOBS_STREAM, name: 'executor-add-0' }))?.ackPending,
    ).toBe(0);
    ended.abort();
    await Promise.all([reading, working]);
    const about = { tenantId: 'acme', jobId: ref.jobId, contentType: 'text/plain' };
    const stored = await executor.payloads.put({ ...about, body: [Buffer.from('result')] });
    expect(await gateway.payloads.open(stored)).toMatchObject({ kind: 'payload' });
    const heartbeats = await executor.buckets.open(BUCKETS.executors, ExecutorHeartbeat);
    await heartbeats.put(user, {
      executor_id: user,
      protocol: 2,
      version: '1',
      started_at: CREATED,
      contracts: [],
    });
    expect((await executor.audit.readJob({ tenantId: 'acme', jobId: newJob().jobId }, LIMITS)).length).toBe(
      0,
    );
    expect(await executor.commands.askHolds('nobody', ref.jobId)).toBe(false);
    const types: unknown[] = [];
    for await (const links of projection.jobs.readLinks(undefined))
      types.push(...links.flatMap(({ type, version }) => (version > lastVersion ? [type] : [])));
    expect(types).toEqual(['JobRequested', 'JobStarted']);
    expect((await gateway.jobs.countOpen()).jobs).toBe(0);
  },
);

test('what an executor cannot read is parked, sent to it again, and removed by a gateway', async () => {
  await using gateway = await busOf('gateway');
  await using executor = await busOf('executor', { user: 'executor-add' });
  const ended = new AbortController();
  const unreadable: string[] = [];
  const working = executor.consumers.work({
    consumer: { stream: JOBS_STREAM, name: 'executor-add-0', ackWaitMs: 30_000 },
    slots: 1,
    signal: ended.signal,
    onUnreadable: ({ subject }) => unreadable.push(subject),
    onError: (error) => unreadable.push(String(error)),
    handle: async () => ({ kind: 'done' }),
  });
  const subject = `jobs.acme.add.${newJob().jobId}.requested.fast.c1`;
  await connectionOf(gateway).request(subject, 'nonsense');
  const parked = () => gateway.deadLetters.list({ afterId: 0, limit: 10 });
  await expect.poll(parked).toMatchObject([{ consumer: 'executor-add-0', subject }]);
  const [first] = await parked();
  expect(await gateway.deadLetters.redrive(first?.id ?? 0)).toBe(true);
  await expect.poll(parked).toMatchObject([{ subject }]);
  const [second] = await parked();
  expect(await gateway.deadLetters.discard(second?.id ?? 0)).toBe(true);
  expect(unreadable).toEqual([subject, subject]);
  ended.abort();
  await working;
});

test('the scheduler lets events leave the log, and the webhooks service may not', async () => {
  await using scheduler = await busOf('scheduler');
  const { lastVersion } = await scheduler.jobs.readWindow();
  const neededFrom = { version: lastVersion, storedMs: Date.now() };
  await scheduler.jobs.trim({ beforeMs: Date.now() - 60_000, neededFrom });
  expect((await scheduler.jobs.readWindow()).neededFrom?.version).toBe(lastVersion);
  await using webhooks = await busOf('webhooks');
  await expect(webhooks.jobs.trim({ beforeMs: 0, neededFrom })).rejects.toThrow(LogUnavailable);
});

test('an answer of NATS that an executor has sent into a bucket is no entry of it', async () => {
  await using gateway = await busOf('gateway');
  const changes: unknown[] = [];
  const keys = await gateway.buckets.watchRecorded('key', ApiKey, (key, value) => changes.push([key, value]));
  const { nc } = await connectBus({ servers: urlOf('executor'), name: 'test', role: 'executor' });
  const subject = `jobs.acme.add.${newJob().jobId}.progressed`;
  await nc.request(subject, JSON.stringify({ tenant_id: 'acme', name: 'forged', created_at: CREATED }));
  nc.publish('$JS.API.DIRECT.GET.JOBS', JSON.stringify({ last_by_subj: subject }), {
    reply: '$KV.api_keys.forged',
  });
  await nc.flush();
  await expect.poll(() => changes).toContainEqual(['forged', undefined]);
  expect([keys.peek('forged'), await keys.get('forged')]).toEqual([undefined, undefined]);
  keys.close();
  await nc.close();
});

test('a gateway tells an executor of one action the key of its callbacks, and of no other action', async () => {
  await using gateway = await busOf('gateway');
  await using executor = await busOf('executor', { user: 'executor-add' });
  const answer = { public_key: 'a'.repeat(43), sealed: 'sealed' };
  const asked: string[] = [];
  const stop = await gateway.commands.answerCallbackKeys((action) => {
    asked.push(action);
    return answer;
  });
  const question = { public_key: 'q'.repeat(43) };
  expect(await executor.commands.askCallbackKey('add', question)).toEqual(answer);
  await expect(executor.commands.askCallbackKey('other', question)).rejects.toThrow(LogUnavailable);
  expect(asked).toEqual(['add']);
  stop();
});

const { jobId } = newJob();
const API = '$JS.API';
const NOBODY: readonly string[] = [];

/** What a request may do, and who may make it. */
const OPERATIONS: readonly (readonly [subject: string, allowed: readonly string[]])[] = [
  ...['JOBS', 'AUDIT', 'CONFIG', 'DEAD_LETTERS', 'KV_api_keys', 'OBJ_payloads'].flatMap((stream) => [
    [`${API}.STREAM.DELETE.${stream}`, NOBODY] as const,
    [`${API}.STREAM.SNAPSHOT.${stream}`, NOBODY] as const,
    [`${API}.STREAM.RESTORE.${stream}`, NOBODY] as const,
    [`${API}.STREAM.CREATE.${stream}`, ['provision']] as const,
  ]),
  [`${API}.STREAM.CREATE.OWN`, NOBODY],
  [`${API}.STREAM.UPDATE.JOBS`, ['provision', 'scheduler', 'projection']],
  [`${API}.STREAM.UPDATE.KV_api_keys`, ['provision']],
  [`${API}.STREAM.PURGE.JOBS`, ['projection']],
  [`${API}.STREAM.PURGE.AUDIT`, ['projection']],
  [`${API}.STREAM.MSG.DELETE.JOBS`, NOBODY],
  [`${API}.STREAM.MSG.DELETE.AUDIT`, NOBODY],
  [`${API}.CONSUMER.CREATE.JOBS`, NOBODY],
  [`${API}.CONSUMER.CREATE.JOBS.executor-add-0`, ['scheduler']],
  [`${API}.CONSUMER.CREATE.JOBS.executor-add-0.jobs.>`, NOBODY],
  [`${API}.CONSUMER.DURABLE.CREATE.JOBS.executor-add-0`, ['scheduler']],
  [`${API}.CONSUMER.DELETE.JOBS.executor-add-0`, ['scheduler']],
  [`${API}.CONSUMER.CREATE.JOBS.follow-projection`, ['scheduler', 'projection']],
  [`${API}.CONSUMER.CREATE.DEAD_LETTERS`, NOBODY],
  [`${API}.CONSUMER.MSG.NEXT.JOBS.executor-other-0`, ['scheduler', 'executor']],
  [`$JS.ACK.JOBS.executor-other-0.1.1.1.1.1`, ['executor']],
  [`${API}.STREAM.MSG.GET.KV_api_keys`, ['gateway', 'projection']],
  [`${API}.STREAM.MSG.GET.KV_webhook_endpoints`, ['gateway', 'projection', 'webhooks']],
  [`${API}.STREAM.MSG.GET.OBJ_payloads`, ['gateway', 'executor', 'executor-add', 'projection']],
  [`jobs.acme.add.${jobId}.requested.fast.c1`, ['gateway']],
  [`jobs.acme.add.${jobId}.started`, ['executor', 'executor-add']],
  [`jobs.acme.add.${jobId}.succeeded`, ['executor', 'executor-add', 'gateway']],
  [`jobs.acme.other.${jobId}.succeeded`, ['executor', 'gateway']],
  [`jobs.acme.add.${jobId}.failed`, ['executor', 'executor-add', 'gateway']],
  [`jobs.acme.add.${jobId}.deferred`, ['executor', 'executor-add']],
  [`jobs.acme.add.${jobId}.expired`, ['scheduler', 'projection']],
  [`jobs.acme.add.${jobId}.carried`, ['scheduler']],
  [`stored.jobs.acme.add.${jobId}.started`, NOBODY],
  ['audit.acme.add.started', NOBODY],
  ['turns.leader', ['scheduler']],
  ['config.key.acme.hash', ['gateway', 'projection']],
  ['$KV.api_keys.forged', ['gateway', 'projection']],
  ['$KV.tenants.acme', ['gateway', 'projection']],
  ['$KV.actions.add', ['gateway', 'scheduler']],
  ['$KV.positions.projection', ['projection']],
  ['dead_letters.projection', ['projection', 'executor']],
  ['redrive.executor-add-0', ['gateway']],
  ['projection.commands.rebuild', ['gateway']],
  ['webhooks.commands.test', ['gateway']],
  ['scheduler.commands.announce', ['executor', 'executor-add']],
  ['gateway.commands.callback_key.add', ['executor', 'executor-add']],
  ['gateway.commands.callback_key.other', ['executor']],
];

/** Where messages come that not everybody may hear, and who may. */
const HEARD: readonly (readonly [subject: string, allowed: readonly string[]])[] = [
  ['>', NOBODY],
  ['_INBOX.>', NOBODY],
  ['$KV.>', NOBODY],
  ['jobs.>', NOBODY],
  ['$JS.ACK.>', NOBODY],
  ['$JS.EVENT.>', NOBODY],
  ['stored.jobs.>', ['gateway']],
  ['stored.jobs.*.other.>', ['gateway', 'executor']],
  ['scheduler.commands.announce', ['scheduler']],
  ['projection.commands.rebuild', ['projection']],
  ['webhooks.commands.test', ['webhooks']],
  ['gateway.commands.callback_key.add', ['gateway']],
  ...NATS_ROLES.map(
    (role) =>
      [`${inboxPrefix(role)}.>`, role === 'executor' ? ['executor', 'executor-add'] : [role]] as const,
  ),
];

describe.each([...NATS_ROLES, 'executor-add'])('as %s', (user) => {
  let nc: NatsConnection;
  beforeAll(async () => {
    const role = user === 'executor-add' ? 'executor' : (user as NatsRole);
    ({ nc } = await connectBus({ servers: urlOf(user, role), name: 'test', role }));
  });
  afterAll(() => nc?.close());

  test('what another role does is refused', async () => {
    const forbidden = OPERATIONS.filter(([, allowed]) => !allowed.includes(user)).map(([subject]) => subject);
    const refused: string[] = [];
    for (const subject of forbidden) {
      const answer = await nc.request(subject, '', { timeout: 2_000 }).catch((error) => error);
      if (isForbidden(answer)) refused.push(subject);
    }
    expect(refused).toEqual(forbidden);
  });

  test('what another role hears is refused', async () => {
    const forbidden = HEARD.filter(([, allowed]) => !allowed.includes(user)).map(([subject]) => subject);
    const refused: string[] = [];
    for (const subject of forbidden) {
      nc.subscribe(subject, {
        callback(error) {
          if (isForbidden(error)) refused.push(subject);
        },
      });
      await nc.flush();
    }
    expect(refused).toEqual(forbidden);
  });
});
