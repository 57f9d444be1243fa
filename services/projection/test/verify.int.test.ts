import { randomUUIDv7 } from 'node:crypto';
import { type Bus, openBus } from '@errand/bus';
import { connectionOf } from '@errand/bus/testing';
import {
  ActionRecord,
  BUCKETS,
  eventSubject,
  executorConsumer,
  JOBS_STREAM,
  type JobFact,
  type JobRef,
  PROJECTION_READER,
  Tenant,
  toJobEvent,
  uuidV7TimeMs,
  type Verification,
  type VerifyReport,
  type VerifyRequest,
  WebhookEndpoint,
} from '@errand/contracts';
import { REQUEST, recordOf } from '@errand/domain/testing';
import { createDailyPartitions, type Db, openDatabase, openSession, readLogPosition } from '@errand/postgres';
import { createLogger, parseConfig } from '@errand/runtime';
import {
  createTestDatabase,
  startTestNats,
  type TestDatabase,
  type TestNats,
  waitUntil,
} from '@errand/testkit';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { settings } from '../src/config.ts';
import { startProjection } from '../src/start.ts';
import { verify as runVerify } from '../src/verify/verify.ts';
import type { VerifyStanding } from '../src/verify/verify-context.ts';

const HOUR_MS = 3_600_000;
const PATIENTLY = { timeoutMs: 20_000, intervalMs: 20 };

let nats: TestNats;
let database: TestDatabase;
let bus: Bus;
let db: Db;
const running: AsyncDisposable[] = [];

beforeAll(async () => {
  nats = await startTestNats();
  database = await createTestDatabase();
  const config = parseConfig(settings, {
    NATS_URL: nats.url,
    DATABASE_URL: database.url,
    ERRAND_OPS_PORT: '0',
    ERRAND_VERIFY_GRACE_MS: '0',
    ERRAND_VERIFY_SECOND_LOOK_MS: '10',
    ERRAND_PROJECTION_REBUILD_LOOK_MS: '50',
  });
  const context = {
    log: createLogger({ service: 'projection', level: 'silent' }),
    signal: new AbortController().signal,
    fail: (error: unknown) => void Promise.reject(error),
  };
  bus = await openBus({ servers: nats.url, name: 'test', topology: config });
  running.push(await startProjection(config, context));
  db = openDatabase({ url: database.url, name: 'test', poolSize: 2 });
  await createDailyPartitions(db, 'webhook_delivery').ensureFor([randomUUIDv7()]);
});
afterAll(async () => {
  await Promise.all(running.map((each) => each[Symbol.asyncDispose]()));
  await db?.destroy();
  await bus?.[Symbol.asyncDispose]();
  await database?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

function eventOf(ref: JobRef, fact: JobFact, timeMs = Date.now()) {
  return toJobEvent(fact, { id: randomUUIDv7(), jobId: ref.jobId, source: '/errand/test', timeMs });
}

const requested = (ref: JobRef): JobFact => ({
  type: 'JobRequested',
  data: {
    ...REQUEST,
    tenant_id: ref.tenantId,
    finish_by: new Date(Date.now() + HOUR_MS).toISOString(),
  },
});
const started: JobFact = { type: 'JobStarted', data: { attempt: 1, executor_id: 'e' } };
const progressed: JobFact = { type: 'JobProgressed', data: { attempt: 1, percent: 50 } };
const succeeded: JobFact = { type: 'JobSucceeded', data: { attempt: 1, result: { a: 1 }, duration_ms: 1 } };

interface Ran {
  readonly ref: JobRef;
  readonly versions: number[];
  readonly eventIds: string[];
}

/** A tenant of its own for each test, so that one verify is not told of another's faults. */
async function runJob(
  tenantId: string,
  facts = [started, progressed, succeeded],
  timeMs?: number,
): Promise<Ran> {
  const ref = { tenantId, action: 'add', jobId: randomUUIDv7() };
  const versions: number[] = [];
  const eventIds: string[] = [];
  for (const fact of [requested(ref), ...facts]) {
    const event = eventOf(ref, fact, timeMs);
    const outcome = await bus.jobs.append({ ref, event, expectedVersion: versions.at(-1) ?? 0 });
    if (outcome.kind !== 'appended') throw new Error(outcome.kind);
    versions.push(outcome.version);
    eventIds.push(event.id);
  }
  return { ref, versions, eventIds };
}

async function verify(tenantId?: string): Promise<VerifyReport> {
  const passed = async () => {
    const { lastVersion } = await bus.jobs.range();
    const passed = await readLogPosition(db, PROJECTION_READER.name);
    return (await bus.audit.version()) === lastVersion && passed === lastVersion;
  };
  await waitUntil(passed, { timeoutMs: 20_000 });
  return verified({ since: null, tenant_id: tenantId ?? null });
}

async function verified(request: VerifyRequest): Promise<VerifyReport> {
  const { verification_id: id } = await begun(request);
  const { report } = await waitUntil(async () => {
    const { state, error, ...seen } = await standing(id);
    if (state === 'failed') throw new Error(error ?? state);
    return state === 'done' ? seen : undefined;
  }, PATIENTLY);
  if (!report) throw new Error('done without a report');
  return report;
}

async function begun(request: VerifyRequest): Promise<Verification> {
  const answer = await bus.commands.askProjection('verify', request);
  if (answer.kind !== 'known') throw new Error(answer.kind);
  return answer.verification;
}

async function standing(verification_id: string): Promise<Verification> {
  const answer = await bus.commands.askProjection('verification', { verification_id });
  if (answer.kind !== 'known') throw new Error(answer.kind);
  return answer.verification;
}

/** One that nobody follows. */
function unfollowed() {
  const checked = { jobs: 0, events: 0, rows: 0, links: 0, deliveries: 0 };
  const standing: VerifyStanding = { step: null, percent: null, checked };
  return { signal: new AbortController().signal, standing };
}

const foundIn = ({ findings }: VerifyReport) => findings.map(({ kind, count }) => ({ kind, count }));

test('a healthy system has no findings, and everything was looked at in more than one pass', async () => {
  const unfinished = (count: number) => Array.from({ length: count }, () => runJob('healthy', [started]));
  // Those that it holds first have lower ids than what comes after them.
  const first = await Promise.all(unfinished(4));
  const others = [...Array.from({ length: 20 }, () => runJob('healthy')), ...unfinished(4)];
  const jobs = [...first, ...(await Promise.all(others))];
  await verify('healthy');
  const world = { db, bus, now: Date.now, graceMs: 60_000, secondLookMs: 10, maxOpenJobs: 3 };
  const deps = { ...world, readEndpoints: async () => [] };
  const report = await runVerify(deps, { since: null, tenant_id: 'healthy' }, unfollowed());
  expect(report.findings).toEqual([]);
  const events = jobs.reduce((sum, { versions }) => sum + versions.length, 0);
  expect(report.checked).toMatchObject({ jobs: 28, events, rows: 28, links: events });
  expect(report).toMatchObject({ unconfirmed: 0, unreadable: 0, tenant_id: 'healthy' });
  // Eight unfinished jobs, of which it holds three at most.
  expect(report.passes).toBeGreaterThan(1);
});

test('jobs that go on while they are looked at are not findings', { timeout: 120_000 }, async () => {
  const stop = new AbortController();
  const load = Array.from({ length: 8 }, async () => {
    while (!stop.signal.aborted) await runJob('busy');
  });
  for (let round = 0; round < 3; round++) {
    const report = await verified({ since: null, tenant_id: 'busy' });
    expect(report).toMatchObject({ findings: [], unconfirmed: 0 });
  }
  stop.abort();
  await Promise.all(load);
});

test('a row that was changed by hand is told, with its groups of fields', async () => {
  const [first, second] = [await runJob('changed'), await runJob('changed', [started])];
  await verify('changed');
  await sql`update job_summary set result = '{"a":2}' where job_id = ${first.ref.jobId}`.execute(db);
  await sql`update job_summary set status = 'failed', attempt_version = 99999999 where job_id = ${second.ref.jobId}`.execute(
    db,
  );
  const { findings } = await verify('changed');
  expect(findings).toMatchObject([
    { kind: 'row_differs', count: 2, groups: { outcome: 1, phase: 1, attempt: 1 } },
  ]);
  expect(findings[0]?.samples.map(({ id }) => id).sort()).toEqual([first.ref.jobId, second.ref.jobId].sort());
});

test('a row that was deleted is told, and so is one of a job that never was', async () => {
  const { ref } = await runJob('deleted');
  await verify('deleted');
  const invented = randomUUIDv7();
  await sql`
    insert into job_summary select (jsonb_populate_record(j, jsonb_build_object('job_id', ${invented}::text))).*
    from job_summary j where job_id = ${ref.jobId}`.execute(db);
  await sql`delete from job_summary where job_id = ${ref.jobId}`.execute(db);
  const { findings } = await verify('deleted');
  expect(findings).toMatchObject([
    { kind: 'row_without_events', count: 1, samples: [{ id: invented }] },
    { kind: 'row_missing', count: 1, samples: [{ id: ref.jobId }] },
  ]);
});

test('a second ending that was written past the guard is told, by its chain and as what it is', async () => {
  const { ref } = await runJob('twice');
  const event = eventOf(ref, { type: 'JobCanceled', data: { by: 'hand' } });
  await connectionOf(bus).request(eventSubject(ref, event), JSON.stringify(event));
  const report = await verify('twice');
  expect(foundIn(report)).toEqual([
    { kind: 'chain_broken', count: 1 },
    { kind: 'second_ending', count: 1 },
  ]);
  expect(report.findings[1]?.samples).toMatchObject([{ id: ref.jobId }]);
});

test('an event that was deleted from JOBS is told, and the chain that it broke', async () => {
  const { ref, versions } = await runJob('gap');
  const last = await runJob('gap');
  await verify('gap');
  for (const seq of [versions[1], last.versions.at(-1)]) {
    const answer = await connectionOf(bus).request(
      `$JS.API.STREAM.MSG.DELETE.${JOBS_STREAM}`,
      JSON.stringify({ seq }),
    );
    expect(answer.json()).toMatchObject({ success: true });
  }
  expect(foundIn(await verify('gap'))).toEqual([{ kind: 'chain_broken', count: 1 }]);
  // What is missing can be told from the whole log only.
  const { findings } = await verify();
  const missing = findings.find(({ kind }) => kind === 'event_missing');
  expect(missing?.samples.map(({ id }) => id).sort()).toEqual([ref.jobId, last.ref.jobId].sort());
});

test('an ending without a delivery is told, for endpoints that were there and wanted it', async () => {
  const bucket = await bus.buckets.open(BUCKETS.webhookEndpoints, WebhookEndpoint);
  const at = new Date(Date.now() - 10_000).toISOString();
  const endpoint = (id: string, change: Partial<WebhookEndpoint>) =>
    bucket.put(`hooks.${id}`, {
      endpoint_id: id,
      tenant_id: 'hooks',
      url: 'https://x.example',
      method: 'POST',
      description: '',
      enabled: true,
      event_types: ['job.*'],
      signing_secret: '',
      basic_auth: null,
      secret_headers: {},
      created_at: at,
      updated_at: at,
      ...change,
    });
  await endpoint('wants', {});
  await endpoint('paused', { enabled: false });
  await endpoint('other-type', { event_types: ['job.failed'] });
  await endpoint('other-action', { actions: ['multiply'] });
  await endpoint('other-metadata', { metadata: { order: '8' } });
  await endpoint('too-new', { created_at: new Date().toISOString(), updated_at: new Date().toISOString() });
  const [told, untold] = [await runJob('hooks'), await runJob('hooks')];
  await sql`
    insert into webhook_delivery
      (event_id, endpoint_id, tenant_id, shard, state, attempts, due_at, expires_at, updated_at)
    values (${told.eventIds.at(-1)}, 'wants', 'hooks', 0, 'delivered', 1, now(), now(), now())`.execute(db);
  const { findings, checked } = await verify('hooks');
  expect(checked.deliveries).toBe(2);
  expect(findings).toMatchObject([
    { kind: 'delivery_missing', count: 1, samples: [{ id: `${untold.eventIds.at(-1)} wants` }] },
  ]);
});

test('a machine whose clock is ahead takes nothing that is under way for late', async () => {
  const bucket = await bus.buckets.open(BUCKETS.webhookEndpoints, WebhookEndpoint);
  const at = new Date(Date.now() - 10_000).toISOString();
  const record = {
    endpoint_id: 'busy',
    tenant_id: 'ahead',
    url: 'https://x.example',
    method: 'POST',
    description: '',
    enabled: true,
    event_types: ['job.*'],
    signing_secret: '',
    basic_auth: null,
    secret_headers: {},
    created_at: at,
    updated_at: at,
    hears_after: 0,
  } as const;
  await bucket.put('ahead.busy', WebhookEndpoint.parse(record));
  await sql`
    insert into webhook_delivery
      (event_id, endpoint_id, tenant_id, shard, state, attempts, due_at, expires_at, updated_at)
    values (${randomUUIDv7()}, 'busy', 'ahead', 0, 'pending', 0, now(), now() + interval '1 day', now())`.execute(
    db,
  );
  // An ending that the webhooks service has not taken in yet.
  await runJob('ahead');
  await verify('ahead');
  const deps = {
    db,
    bus,
    graceMs: 60_000,
    secondLookMs: 10,
    maxOpenJobs: 100,
    now: () => Date.now() + 600_000,
    readEndpoints: async () => [{ ...WebhookEndpoint.parse(record), storedMs: Date.now() - 600_000 }],
  };
  const { findings } = await runVerify(deps, { since: null, tenant_id: 'ahead' }, unfollowed());
  expect(findings).toEqual([]);
});

test('whom an ending is owed to is told by the log, whatever the clocks of gateways and executors say', async () => {
  const [minutes, mine] = [600_000, 'skewed'];
  const at = new Date(Date.now() + minutes).toISOString();
  const before = await runJob(mine, undefined, Date.now() - minutes);
  const { lastVersion } = await bus.jobs.range();
  const untold = await runJob(mine, undefined, Date.now() - minutes);
  const record = WebhookEndpoint.parse({
    endpoint_id: 'ahead',
    tenant_id: mine,
    url: 'https://x.example',
    method: 'POST',
    description: '',
    enabled: true,
    event_types: ['job.*'],
    signing_secret: '',
    basic_auth: null,
    secret_headers: {},
    created_at: at,
    updated_at: at,
    hears_after: lastVersion,
  });
  const world = { db, bus, now: Date.now, graceMs: 0, secondLookMs: 10, maxOpenJobs: 100 };
  const endpoints = [
    { ...record, storedMs: Date.now() - minutes },
    { ...record, endpoint_id: 'changed since', storedMs: Date.now() },
  ];
  await verify(mine);
  const deps = { ...world, readEndpoints: async () => endpoints };
  const { findings } = await runVerify(deps, { since: null, tenant_id: mine }, unfollowed());
  expect(findings).toMatchObject([
    { kind: 'delivery_missing', count: 1, samples: [{ id: `${untold.eventIds.at(-1)} ahead` }] },
  ]);
  expect(before.eventIds).not.toContain(findings[0]?.samples[0]?.id.split(' ')[0]);
});

test('a delivery that is long due and does not get on is told; that of a paused endpoint is not', async () => {
  const bucket = await bus.buckets.open(BUCKETS.webhookEndpoints, WebhookEndpoint);
  const at = new Date(Date.now() - 10_000).toISOString();
  for (const [id, enabled] of [
    ['stuck', true],
    ['paused', false],
  ] as const) {
    await bucket.put(`late.${id}`, {
      endpoint_id: id,
      tenant_id: 'late',
      url: 'https://x.example',
      method: 'POST',
      description: '',
      enabled,
      event_types: ['job.*'],
      signing_secret: '',
      basic_auth: null,
      secret_headers: {},
      created_at: at,
      updated_at: at,
    });
    const due = new Date(Date.now() - 1_000).toISOString();
    await sql`
      insert into webhook_delivery
        (event_id, endpoint_id, tenant_id, shard, state, attempts, due_at, expires_at, updated_at)
      values (${randomUUIDv7()}, ${id}, 'late', 0, 'pending', 0, ${due}, now() + interval '1 day', ${due})`.execute(
      db,
    );
  }
  const { findings } = await verify('late');
  expect(findings).toMatchObject([{ kind: 'delivery_stuck', count: 1, samples: [{ id: 'stuck' }] }]);
});

test('a job whose request was settled and which nobody holds is told; one that waits for an executor is not', async () => {
  const consumer = executorConsumer('add', { slot: 0, contractId: 'c1', leaseMs: 1_000 });
  await bus.consumers.provision(consumer);
  const contract = {
    name: 'add',
    version: '1',
    description: '',
    resource: '',
    input_schema: {},
    result_schema: {},
  };
  const [live] = recordOf({ ...contract, max_attempts: 1, timeout_ms: 1 }).contracts;
  const actions = await bus.buckets.open(BUCKETS.actions, ActionRecord);
  if (live) await actions.put('add', { contracts: [{ ...live, lease_ms: 1_000 }] });
  const stuck = await runJob('stuck', [started]);
  // Settles whatever asks to run a job, as a mistaken executor would.
  const stop = new AbortController();
  const settling = bus.consumers.work({
    consumer,
    slots: 1,
    signal: stop.signal,
    onError: (error) => stop.abort(error),
    onUnreadable: () => {},
    handle: async () => ({ kind: 'done' }),
  });
  await waitUntil(
    async () => ((await bus.consumers.standingOf(consumer))?.ackFloor ?? 0) >= (stuck.versions[0] ?? 0),
  );
  stop.abort();
  await settling;
  const waiting = await runJob('stuck', []);
  const isOver = async () => (await verify('stuck')).findings.length > 0;
  await waitUntil(isOver, { timeoutMs: 20_000 });
  const { findings } = await verify('stuck');
  expect(findings).toMatchObject([{ kind: 'job_stuck', count: 1, samples: [{ id: stuck.ref.jobId }] }]);
  expect(uuidV7TimeMs(waiting.ref.jobId)).toBeGreaterThan(0);
  // Whoever began it says that it still does.
  const forget = bus.commands.answerHolds('e', { holds: (jobId) => jobId === stuck.ref.jobId, onTaken() {} });
  expect((await verify('stuck')).findings).toEqual([]);
  forget();
});

test('a wait that is long over is told', async () => {
  const retrying: JobFact = {
    type: 'JobRetrying',
    data: {
      attempt: 1,
      error: { code: 'c', message: 'm' },
      retry_at: new Date(Date.now() - 60_000).toISOString(),
    },
  };
  const { ref } = await runJob('waits', [started, retrying], Date.now() - 60_000);
  const { findings } = await verify('waits');
  expect(findings).toMatchObject([{ kind: 'job_stuck', samples: [{ id: ref.jobId }] }]);
  // Unless the scheduler says that it goes on with it later.
  const refused = async () => ({ kind: 'refused' as const, code: 'invalid_request' as const, message: '' });
  const stop = await bus.commands.answerScheduler(
    {
      announce: refused,
      withdraw: refused,
      room: refused,
      usage: refused,
      waiting_jobs: refused,
      demand: refused,
      place: async () => ({ kind: 'place', place: { waits_for: 'limit', jobs_before: 3 } }),
    },
    () => {},
  );
  expect((await verify('waits')).findings).toEqual([]);
  stop();
});

test('one runs at a time, can be canceled, and is taken over from a process that is gone', async () => {
  await using other = await openSession({ url: database.url, name: 'test' });
  // As a process does that works on one.
  await sql`select pg_advisory_lock(hashtext('errand_verify'), hashtext('all'))`.execute(other.db);
  const all = { since: null, tenant_id: null };
  const first = await begun(all);
  expect(first).toMatchObject({ state: 'running', step: null, percent: null, report: null, ended_at: null });
  expect(await bus.commands.askProjection('verify', all)).toEqual({ kind: 'busy' });
  const { verification_id } = first;
  const cancel = () => bus.commands.askProjection('cancel_verification', { verification_id });
  expect(await cancel()).toMatchObject({ kind: 'known', verification: { state: 'canceled', report: null } });
  expect(await cancel()).toEqual({ kind: 'ended' });

  const second = await begun({ since: null, tenant_id: 'healthy' });
  expect((await standing(second.verification_id)).state).toBe('running');
  await sql`select pg_advisory_unlock_all()`.execute(other.db);
  const done = await waitUntil(async () => {
    const seen = await standing(second.verification_id);
    return seen.state === 'running' ? undefined : seen;
  }, PATIENTLY);
  expect(done).toMatchObject({ state: 'done', step: null, report: { tenant_id: 'healthy' } });
  expect(done.checked).toEqual(done.report?.checked);
  const { verifications } = await bus.commands.askProjection('verifications', {});
  expect(verifications.slice(0, 2)).toMatchObject([
    { verification_id: second.verification_id, state: 'done', report: null },
    { verification_id, state: 'canceled', report: null },
  ]);
});

test('a run tells how far it is, and ends when it is told to', async () => {
  const { versions } = await runJob('followed');
  await verify('followed');
  const work = unfollowed();
  const stop = new AbortController();
  const seen: VerifyStanding[] = [];
  const world = { db, now: Date.now, graceMs: 60_000, secondLookMs: 10, maxOpenJobs: 100 };
  const audit = {
    ...bus.audit,
    async *read(...wanted: Parameters<Bus['audit']['read']>) {
      seen.push(structuredClone(work.standing));
      for await (const page of bus.audit.read(...wanted)) {
        yield page;
        seen.push(structuredClone(work.standing));
        stop.abort();
      }
    },
  };
  const deps = { ...world, bus: { ...bus, audit }, readEndpoints: async () => [] };
  const request = { since: null, tenant_id: 'followed' };
  await runVerify(deps, request, work);
  expect(seen).toMatchObject([
    { step: 'jobs', percent: null, checked: { links: 4, events: 0 } },
    { step: 'jobs', percent: 100, checked: { jobs: 1, events: versions.length } },
  ]);
  expect(work.standing).toMatchObject({ step: 'second_look', percent: null });
  await expect(
    runVerify(deps, request, { signal: stop.signal, standing: unfollowed().standing }),
  ).rejects.toThrow('aborted');
});

test('an event of a type that nobody knows yet does not break the chain of the next one', async () => {
  const { ref } = await runJob('later', [started]);
  const stored = await connectionOf(bus).request(`jobs.later.add.${ref.jobId}.paused`, '{}');
  const { seq } = stored.json<{ seq: number }>();
  const outcome = await bus.jobs.append({ ref, event: eventOf(ref, succeeded), expectedVersion: seq });
  expect(outcome.kind).toBe('appended');
  const { findings } = await verify('later');
  const broken = findings.filter(({ kind }) => kind === 'chain_broken');
  const detail = `an event of an unknown type at ${seq}: it was written without a guard`;
  expect(broken.flatMap(({ samples }) => samples)).toEqual([{ id: ref.jobId, detail }]);
});

test('a tenant whose limits were changed past the record is told', async () => {
  const tenant = { tenant_id: 'limited', created_at: '2026-01-01T00:00:00.000Z' };
  const tenants = await bus.buckets.watchRecorded('tenant', Tenant);
  await tenants.by('admin').put('limited', { ...tenant, limits: { weight: 1 } });
  expect((await verify('limited')).findings).toEqual([]);
  const raw = await bus.buckets.open(BUCKETS.tenants, Tenant);
  await raw.put('limited', { ...tenant, limits: { weight: 1_000 } });
  const detail = 'it is not as it was last recorded';
  const finding = { kind: 'config_differs', count: 1, samples: [{ id: 'tenant limited', detail }] };
  expect((await verify('limited')).findings).toEqual([finding]);
  expect((await verify('another')).findings).toEqual([]);
  await tenants.by('admin').delete('limited');
});

test('what the audit log does not hold of JOBS is told, and a rebuild has it all the same', async () => {
  const { ref } = await runJob('short');
  await verify('short');
  const purged = await connectionOf(bus).request('$JS.API.STREAM.PURGE.AUDIT', '{}');
  expect(purged.json()).toMatchObject({ success: true });
  const after = await runJob('short');
  const { findings } = await verify('short');
  expect(findings).toMatchObject([
    { kind: 'audit_short', samples: [{ detail: expect.stringMatching(/^events \d+ to \d+$/) }] },
  ]);
  await bus.commands.askProjection('rebuild', { projection: 'job_summary' });
  await waitUntil(async () => {
    const status = await bus.commands.askProjection('rebuild_status', { projection: 'job_summary' });
    return status.kind === 'known' && status.progress.state === 'done';
  });
  const rows = await db.selectFrom('job_summary').select('job_id').where('tenant_id', '=', 'short').execute();
  expect(rows.map(({ job_id }) => job_id).toSorted()).toEqual([ref.jobId, after.ref.jobId].toSorted());
});
