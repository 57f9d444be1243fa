import { LogUnavailable } from '@errand/bus';
import { BUCKETS, Schedule, ScheduleProgress, uuidV7TimeMs } from '@errand/contracts';
import { REQUEST } from '@errand/domain/testing';
import { waitUntil } from '@errand/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { newScheduleId } from '../src/schedules/schedule-id.ts';
import { spreadMs } from '../src/schedules/ticks/due-ticks.ts';
import { createLedRequests } from '../src/schedules/ticks/led-requests.ts';
import { tickJobId } from '../src/schedules/ticks/request-tick.ts';
import { ADMIN_KEY, SIMULATE, STARTED, SUCCEEDED, startTestGateway, type TestGateway } from './gateway.ts';
import { forget } from './read-model.ts';
import { ASKED, requestsOf, SCHEDULES } from './schedules.ts';

/* What ticks ask for. Each test has a system of its own, since it moves its clock. */

const MINUTE_MS = 60_000;

let gateway: TestGateway;
beforeEach(async () => {
  gateway = await startTestGateway({ scheduleMinEveryS: 1, schedulesLeaseMs: 1_000 });
  await make({ cron: '0 0 1 1 *', external_id: 'bell' });
});
afterEach(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

async function make(body: object): Promise<string> {
  const answer = await gateway.call(SCHEDULES, { body: { ...ASKED, ...body } });
  expect(answer.status, answer.text).toBe(201);
  return answer.json.schedule_id;
}

// biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of many shapes.
const read = async (id: string): Promise<any> => (await gateway.call(`${SCHEDULES}/${id}`)).json;

/** Moves the gateway's clock, and lets its keeper look at it: it looks when a schedule changes. */
async function pass(ms: number): Promise<void> {
  gateway.shiftMs += ms;
  const { schedules } = (await gateway.call(`${SCHEDULES}?external_id=bell`)).json;
  const { paused } = schedules[0];
  await gateway.call(`${SCHEDULES}/${schedules[0].schedule_id}/${paused ? 'resume' : 'pause'}`, {
    method: 'POST',
  });
}

const hasTicked = (id: string, count: number) =>
  waitUntil(async () => {
    const { counts } = await read(id);
    return counts.requested + counts.skipped + counts.missed + counts.refused >= count;
  });

test('each tick asks for one job, with the name of its schedule and the input that was given', async () => {
  // Whatever the gateway misses while the machine stands still, it makes up for.
  const id = await make({ every_s: 1, catch_up: 'all', job: { metadata: { a: 'b' }, priority: 7 } });
  const jobs = await waitUntil(async () => {
    const found = await requestsOf(gateway, id);
    return found.length >= 3 ? found : undefined;
  });
  const [first] = jobs;
  expect(first).toMatchObject({
    source: 'schedule',
    requested_by: 'test key',
    input: { tilt_deg: 1 },
    metadata: { a: 'b' },
    priority: 7,
    resource: { design_id: 'd-1' },
  });
  const instants = jobs.map(({ schedule }) => Date.parse(schedule?.at ?? ''));
  expect(instants.map((ms, index) => ms - (instants[0] ?? 0) - index * 1_000)).toEqual(instants.map(() => 0));
  expect(jobs.map(({ job_id }) => uuidV7TimeMs(job_id))).toEqual(instants);
  const seen = await read(id);
  expect(seen.last_tick).toMatchObject({ outcome: 'requested', code: null });
  const job = (await gateway.call(`/v2/tenants/acme/jobs/${first?.job_id}`)).json;
  expect(job).toMatchObject({ source: 'schedule', schedule: first?.schedule });
  const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
  expect(metrics).toMatch(/errand_schedule_ticks_total\{outcome="requested",service="gateway"\} [1-9]/);
});

test('a gateway that was away makes up for what its schedules want', async () => {
  const ids: Record<string, string> = {};
  for (const catch_up of ['none', 'last', 'all']) ids[catch_up] = await make({ every_s: 300, catch_up });
  await pass(31 * MINUTE_MS);
  for (const id of Object.values(ids)) await hasTicked(id, 6);
  const counted = async (name: string) => {
    const { counts } = await read(ids[name] ?? '');
    return [(await requestsOf(gateway, ids[name] ?? '')).length, counts.requested, counts.missed];
  };
  expect(await counted('none')).toEqual([0, 0, 6]);
  expect(await counted('last')).toEqual([1, 1, 5]);
  expect(await counted('all')).toEqual([6, 6, 0]);
  // It goes on from there.
  await pass(5 * MINUTE_MS);
  await waitUntil(async () => (await counted('last'))[0] === 2);
});

test('what was missed while a schedule was paused is not made up for', async () => {
  const id = await make({ every_s: 300, catch_up: 'all' });
  await gateway.call(`${SCHEDULES}/${id}/pause`, { method: 'POST' });
  await pass(31 * MINUTE_MS);
  await gateway.call(`${SCHEDULES}/${id}/resume`, { method: 'POST' });
  await pass(5 * MINUTE_MS);
  await hasTicked(id, 1);
  expect((await requestsOf(gateway, id)).length).toBe(1);
  expect((await read(id)).counts).toMatchObject({ requested: 1, missed: 0 });
});

test('a tick skips, waits behind, or cancels the job of the tick before', async () => {
  const ids: Record<string, string> = {};
  for (const overlap of ['skip', 'queue', 'cancel_running'])
    ids[overlap] = await make({ every_s: 300, overlap });
  await pass(5 * MINUTE_MS);
  for (const id of Object.values(ids)) await hasTicked(id, 1);
  await pass(5 * MINUTE_MS);
  for (const id of Object.values(ids)) await hasTicked(id, 2);
  const statuses = async (name: string) => {
    const jobs = await requestsOf(gateway, ids[name] ?? '');
    const answers = await Promise.all(
      jobs.map(({ job_id }) => gateway.call(`/v2/tenants/acme/jobs/${job_id}`)),
    );
    return answers.map(({ json }) => json.status);
  };
  expect(await statuses('skip')).toEqual(['queued']);
  expect(await statuses('queue')).toEqual(['queued', 'queued']);
  expect(await statuses('cancel_running')).toEqual(['canceled', 'queued']);
  expect((await read(ids.skip ?? '')).counts).toMatchObject({ requested: 1, skipped: 1 });
  // Once it has ended, the next tick asks again.
  const [{ job_id = '' } = {}] = await requestsOf(gateway, ids.skip ?? '');
  const version = (await gateway.call(`/v2/tenants/acme/jobs/${job_id}`)).json.version;
  const started = await gateway.append(job_id, version, STARTED);
  await gateway.append(job_id, started ?? 0, SUCCEEDED);
  await pass(5 * MINUTE_MS);
  await waitUntil(async () => (await requestsOf(gateway, ids.skip ?? '')).length === 2);
});

/** From then on the input of these schedules does not fit. */
async function announceNarrow(): Promise<void> {
  const input_schema = { type: 'object', required: ['other'] };
  await gateway.announce({ ...SIMULATE, contract_id: 'narrow', version: '2', input_schema });
  await waitUntil(async () => {
    const { json } = await gateway.call('/v2/tenants/acme/actions/simulate');
    return json.version === '2';
  });
}

test('a contract that has changed fails the tick by name', async () => {
  const id = await make({ every_s: 300 });
  await announceNarrow();
  await pass(5 * MINUTE_MS);
  await hasTicked(id, 1);
  expect((await read(id)).last_tick).toMatchObject({
    outcome: 'refused',
    code: 'invalid_input',
    detail: '#/input/other is required',
    job_id: null,
  });
  expect(await requestsOf(gateway, id)).toEqual([]);
});

test('a tick whose input no longer fits cancels nothing', async () => {
  const id = await make({ every_s: 300, overlap: 'cancel_running' });
  await pass(5 * MINUTE_MS);
  await hasTicked(id, 1);
  await announceNarrow();
  await pass(5 * MINUTE_MS);
  await hasTicked(id, 2);
  const { last_tick, last_job_id } = await read(id);
  expect(last_tick).toMatchObject({ outcome: 'refused', code: 'invalid_input' });
  expect((await gateway.call(`/v2/tenants/acme/jobs/${last_job_id}`)).json).toMatchObject({
    status: 'queued',
  });
});

test("a tick waits for what passes by itself, such as its tenant's limit of queued jobs", async () => {
  let queued = 5;
  const stop = await gateway.bus.commands.answerScheduler(
    { usage: async () => ({ kind: 'usage', queued, backlog_ms: 0 }) } as never,
    () => {},
  );
  const limits = { limits: { max_queued: 5 } };
  await gateway.call('/admin/tenants/acme', { method: 'PUT', token: ADMIN_KEY, body: limits });
  const id = await make({ every_s: 300 });
  await pass(5 * MINUTE_MS);
  const refused = await waitUntil(async () => {
    const answer = await gateway.call(`${SCHEDULES}/${id}/run`, { method: 'POST' });
    return answer.status === 429 ? answer.json.code : undefined;
  });
  expect(refused).toBe('too_many_queued');
  expect((await read(id)).last_tick).toBeNull();
  queued = 4;
  await waitUntil(async () => (await requestsOf(gateway, id)).length >= 1);
  await stop();
});

/** A scheduler that counts so many queued jobs of a tenant that may have five. */
async function limitQueued(queued: number) {
  const usage = { queued, asked: 0 };
  const stop = await gateway.bus.commands.answerScheduler(
    {
      async usage() {
        usage.asked += 1;
        return { kind: 'usage', queued: usage.queued, backlog_ms: 0 };
      },
    } as never,
    () => {},
  );
  const limits = { limits: { max_queued: 5 } };
  await gateway.call('/admin/tenants/acme', { method: 'PUT', token: ADMIN_KEY, body: limits });
  return {
    usage,
    /** Until the keeper has been refused since the call. */
    async untilRefused() {
      const from = usage.asked;
      await waitUntil(async () => usage.asked >= from + 2);
    },
    [Symbol.asyncDispose]: async () => void (await stop()),
  };
}

test('one that is made up for waits as well, and so does one whose moment is long after its tick', async () => {
  await using limited = await limitQueued(5);
  const spread_s = 3_600;
  const late = await make({ every_s: 3_600 });
  const spread = await make({ every_s: 3_600, spread_s, external_id: 'spread' });
  const afterMs = spreadMs({ spread_s, schedule_id: spread });
  expect(afterMs).toBeGreaterThan(10 * MINUTE_MS);
  await pass(60 * MINUTE_MS + afterMs);
  await limited.untilRefused();
  limited.usage.queued = 4;
  for (const id of [late, spread]) {
    await hasTicked(id, 1);
    expect((await read(id)).last_tick).toMatchObject({ outcome: 'requested' });
  }
});

test('one that is made up for is refused when it has waited for ten minutes', async () => {
  await using limited = await limitQueued(5);
  const id = await make({ every_s: 3_600 });
  await pass(90 * MINUTE_MS);
  await limited.untilRefused();
  await pass(9 * MINUTE_MS);
  await limited.untilRefused();
  expect((await read(id)).last_tick).toBeNull();
  await pass(2 * MINUTE_MS);
  await hasTicked(id, 1);
  expect((await read(id)).last_tick).toMatchObject({ outcome: 'refused', code: 'too_many_queued' });
});

test('one that is paused while it makes up for what it has missed stops at once', async () => {
  const id = await make({ every_s: 300, catch_up: 'all' });
  let asked = 0;
  const stop = await gateway.bus.commands.answerScheduler(
    {
      async usage() {
        asked += 1;
        if (asked === 2) await gateway.call(`${SCHEDULES}/${id}/pause`, { method: 'POST' });
        return { kind: 'usage', queued: 0, backlog_ms: 0 };
      },
    } as never,
    () => {},
  );
  const limits = { limits: { max_queued: 1_000 } };
  await gateway.call('/admin/tenants/acme', { method: 'PUT', token: ADMIN_KEY, body: limits });
  await pass(9 * 60 * MINUTE_MS);
  await waitUntil(async () => (await read(id)).paused);
  const other = await make({ every_s: 1 });
  await waitUntil(async () => (await requestsOf(gateway, other)).length >= 2);
  const made = (await requestsOf(gateway, id)).length;
  expect(made).toBeGreaterThan(0);
  expect(made).toBeLessThan(90);
  await stop();
});

test('a schedule ticks that is known before its tenant', async () => {
  const id = await make({ every_s: 1 });
  const bucket = await gateway.bus.buckets.open(BUCKETS.schedules, Schedule);
  const known = await bucket.get(`acme.${id}`);
  if (!known) throw new Error('no schedule');
  const schedule_id = newScheduleId('newcomer', 'early');
  await bucket.create(`newcomer.${schedule_id}`, { ...known, tenant_id: 'newcomer', schedule_id });
  // Whoever leads has seen it by the time that it sees this one.
  const next = await make({ every_s: 1 });
  await hasTicked(next, 1);
  await gateway.call('/admin/tenants/newcomer', { method: 'PUT', token: ADMIN_KEY, body: {} });
  await waitUntil(async () => (await requestsOf(gateway, schedule_id)).length > 0);
});

test('three gateways ask once for each tick, also when the one that leads is stopped', async () => {
  await using second = await gateway.another();
  await using third = await gateway.another();
  expect(second.url).not.toBe(third.url);
  const id = await make({ every_s: 1, catch_up: 'all' });
  await waitUntil(async () => (await requestsOf(gateway, id)).length >= 2);
  await gateway.stop();
  const from = (await requestsOf(gateway, id)).length;
  await waitUntil(async () => (await requestsOf(gateway, id)).length >= from + 3, { timeoutMs: 20_000 });
  const jobs = await requestsOf(gateway, id);
  const instants = jobs.map(({ schedule }) => Date.parse(schedule?.at ?? ''));
  expect(new Set(instants).size).toBe(instants.length);
  expect(instants).toEqual(instants.map((_, index) => (instants[0] ?? 0) + index * 1_000));
});

/** As when another gateway had led since, and nothing was written of how far this schedule has come. */
async function loseLeadAndProgress(id: string): Promise<void> {
  const { schedules } = gateway.bus;
  const lead = await schedules.readLead();
  expect(await schedules.claim('another')).toBeGreaterThan(lead?.version ?? Number.POSITIVE_INFINITY);
  const progress = await gateway.bus.buckets.open(BUCKETS.scheduleProgress, ScheduleProgress);
  await progress.delete(`acme.${id}`);
}

const idsOf = (id: string, jobs: Awaited<ReturnType<typeof requestsOf>>) =>
  jobs.map(({ schedule }) => tickJobId({ schedule_id: id }, Date.parse(schedule?.at ?? '')));

test('whoever has lost the lead asks for nothing, and the next one finds what was asked for', async () => {
  const id = await make({ every_s: 300, catch_up: 'all' });
  await pass(5 * MINUTE_MS);
  await hasTicked(id, 1);
  const { leaderId } = (await gateway.bus.schedules.readLead()) ?? {};
  await loseLeadAndProgress(id);
  await pass(5 * MINUTE_MS);
  // The first refused batch tells the gateway, which then leads again.
  await waitUntil(async () => (await requestsOf(gateway, id)).length === 2, { timeoutMs: 20_000 });
  expect((await gateway.bus.schedules.readLead())?.leaderId).toBe(leaderId);
  const jobs = await requestsOf(gateway, id);
  expect(jobs.map(({ job_id }) => job_id)).toEqual(idsOf(id, jobs));
});

test('a tick whose job nobody wrote down is not missed, and its job is the one before', async () => {
  const id = await make({ every_s: 3_600, overlap: 'skip' });
  const firstMs = Math.floor(Date.now() / 1_000) * 1_000 - 26 * MINUTE_MS;
  const job_id = tickJobId({ schedule_id: id }, firstMs);
  await gateway.append(job_id, 0, { type: 'JobRequested', data: { ...REQUEST, action: 'simulate' } });
  const bucket = await gateway.bus.buckets.open(BUCKETS.schedules, Schedule);
  const ago = new Date(firstMs - 5 * MINUTE_MS).toISOString();
  const past = { every_s: 300, created_at: ago, counts_from: ago };
  await bucket.change(`acme.${id}`, (stored) => ({ ...stored, ...past }));
  await hasTicked(id, 6);
  expect(await read(id)).toMatchObject({
    counts: { requested: 1, skipped: 1, missed: 4, refused: 0 },
    last_job_id: job_id,
  });
});

test('a job that has left the log is found in the audit log, and is not asked for again', async () => {
  // Of a moment that has really passed, since the audit log has the times of its server.
  const id = await make({ every_s: 3_600, catch_up: 'all' });
  const bucket = await gateway.bus.buckets.open(BUCKETS.schedules, Schedule);
  const ago = new Date(Date.now() - 26 * MINUTE_MS).toISOString();
  const past = { every_s: 300, created_at: ago, counts_from: ago };
  await bucket.change(`acme.${id}`, (stored) => ({ ...stored, ...past }));
  await hasTicked(id, 5);
  const [first] = await requestsOf(gateway, id);
  const jobId = first?.job_id ?? '';
  const [{ version = 0 } = {}] = await gateway.bus.jobs.read({ tenantId: 'acme', jobId });
  await waitUntil(async () => (await gateway.bus.audit.version()) >= version);
  await forget(gateway, jobId);
  await loseLeadAndProgress(id);
  // The next tick of any schedule tells the gateway.
  await make({ every_s: 1 });
  await hasTicked(id, 5);
  expect((await requestsOf(gateway, id)).map(({ schedule }) => schedule?.at)).toHaveLength(4);
  expect((await read(id)).counts).toEqual({ requested: 5, skipped: 0, missed: 0, refused: 0 });
});

test('a leader says again that it leads', async () => {
  const version = (await gateway.bus.schedules.claim('teller')) ?? 0;
  const led = createLedRequests(gateway.bus.schedules, { leaderId: 'teller', version });
  await led.say();
  await Promise.all([led.say(), led.say()]);
  const lead = await gateway.bus.schedules.readLead();
  expect(lead?.leaderId).toBe('teller');
  expect(lead?.version).toBe(version + 2);
  await gateway.bus.schedules.claim('another');
  await expect(led.say()).rejects.toThrow(LogUnavailable);
  expect(led.lost.aborted).toBe(true);
});

test('a schedule that was removed ticks no more', async () => {
  const id = await make({ every_s: 1 });
  await waitUntil(async () => (await requestsOf(gateway, id)).length >= 1);
  await gateway.call(`${SCHEDULES}/${id}`, { method: 'DELETE' });
  const left = (await requestsOf(gateway, id)).length;
  const other = await make({ every_s: 1 });
  await waitUntil(async () => (await requestsOf(gateway, other)).length >= 2);
  expect((await requestsOf(gateway, id)).length).toBeLessThanOrEqual(left + 1);
});
