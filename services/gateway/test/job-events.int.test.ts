import type { RunAccepted } from '@errand/contracts';
import { waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { progressed, RUN_PATH, STARTED, SUCCEEDED, startTestGateway, type TestGateway } from './gateway.ts';
import { forget, forgetAudit, openReadModel } from './read-model.ts';
import { openStream as open } from './streamed.ts';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway({ eventsHeartbeatMs: 50 });
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

const openStream = (path: string, headers?: Record<string, string>) => open(gateway, path, headers);

const run = async (): Promise<RunAccepted> =>
  (await gateway.call(RUN_PATH, { body: { tilt_deg: 1, anything: 'secret' } })).json;

async function append(jobId: string, version: number, fact: typeof STARTED): Promise<number> {
  const appended = await gateway.append(jobId, version, fact);
  if (appended === undefined) throw new Error('lost a race that nobody else runs');
  return appended;
}

test("a job's events are CloudEvents with their version, oldest first, without the input", async () => {
  const { job_id, version, links } = await run();
  const started = await append(job_id, version, STARTED);
  const ended = await append(job_id, started, SUCCEEDED);
  const { status, json, text } = await gateway.call(links.events);
  expect(status).toBe(200);
  expect(json.version).toBe(ended);
  expect(json.events.map((event: { type: string; version: number }) => [event.type, event.version])).toEqual([
    ['JobRequested', version],
    ['JobStarted', started],
    ['JobSucceeded', ended],
  ]);
  expect(json.events[0]).toMatchObject({ specversion: '1.0', subject: job_id, data: { metadata: {} } });
  expect(text).not.toContain('secret');
  const later = await gateway.call(`${links.events}?after=${version}`);
  expect(later.json.events.length).toBe(2);
});

test('a stream tells each event as it is stored, beats in between, and ends behind the ending', async () => {
  const { job_id, version, links } = await run();
  const stream = await openStream(links.events);
  expect(stream.response.headers.get('content-type')).toBe('text/event-stream');
  expect(stream.response.headers.get('cache-control')).toBe('no-store');
  expect(await stream.nextFrame()).toBe('retry: 2000');
  const requested = await stream.next();
  expect(requested).toMatchObject({ id: version, event: 'JobRequested', data: { version } });
  expect(requested?.data.data).not.toHaveProperty('input');
  const started = await append(job_id, version, STARTED);
  expect(await stream.next()).toMatchObject({ id: started, event: 'JobStarted' });
  expect(await stream.nextFrame()).toBe(':');
  const halfWay = await append(job_id, started, progressed(50));
  expect(await stream.next()).toMatchObject({ id: halfWay, event: 'JobProgressed' });
  const ended = await append(job_id, halfWay, SUCCEEDED);
  const rest = await stream.rest();
  expect(rest).toMatchObject([{ id: ended, event: 'JobSucceeded', data: { data: { result: { kwh: 7 } } } }]);
});

test('a stream goes on behind Last-Event-ID or after, also once the job has ended', async () => {
  const { job_id, version, links } = await run();
  const started = await append(job_id, version, STARTED);
  const ended = await append(job_id, started, SUCCEEDED);
  const idsOf = async (path: string, headers = {}) =>
    (await (await openStream(path, headers)).rest()).map(({ id }) => id);
  expect(await idsOf(links.events)).toEqual([version, started, ended]);
  expect(await idsOf(links.events, { 'last-event-id': String(version) })).toEqual([started, ended]);
  expect(await idsOf(`${links.events}?after=${started}`)).toEqual([ended]);
  const browser = { 'last-event-id': String(started) };
  expect(await idsOf(`${links.events}?after=0`, browser)).toEqual([ended]);
});

test('a reader that has seen everything of an ended job is told not to come again', async () => {
  const { job_id, version, links } = await run();
  const ended = await append(job_id, await append(job_id, version, STARTED), SUCCEEDED);
  const { response } = await openStream(links.events, { 'last-event-id': String(ended) });
  expect(response.status).toBe(204);
});

test('a slow reader misses progress that was superseded and never the ending, and ids strictly increase', async () => {
  const { job_id, version, links } = await run();
  const stream = await openStream(links.events);
  await stream.next();
  let newest = await append(job_id, version, STARTED);
  for (let step = 1; step <= 200; step++) newest = await append(job_id, newest, progressed(step / 2));
  const ended = await append(job_id, newest, SUCCEEDED);
  const events = await stream.rest();
  const ids = events.map(({ id }) => id);
  expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b));
  expect(ids.at(-1)).toBe(ended);
  const progress = events.filter(({ event }) => event === 'JobProgressed');
  expect(progress.at(-1)?.data.data).toMatchObject({ percent: 100 });
});

test('a reader that goes away is forgotten, and so is one that asked for the head only', async () => {
  const { links } = await run();
  const waits = async () => /^errand_job_waits\S* (\d+)$/m.exec((await gateway.call('/metrics')).text)?.[1];
  const stream = await openStream(links.events);
  await stream.next();
  await expect.poll(waits).toBe('1');
  stream.leave();
  await expect.poll(waits).toBe('0');
  const headers = { accept: 'text/event-stream' };
  expect((await gateway.call(links.events, { method: 'HEAD', headers })).status).toBe(200);
  expect(await waits()).toBe('0');
});

test('a stream survives an outage of the log and tells what was stored behind it', async () => {
  const { job_id, version, links } = await run();
  const stream = await openStream(links.events);
  expect((await stream.next())?.id).toBe(version);
  await gateway.nats.kill();
  await expect.poll(async () => (await gateway.call('/readyz')).status).toBe(503);
  await gateway.nats.restart();
  let ended: number | undefined;
  await expect
    .poll(
      async () => {
        ended ??= await gateway.append(job_id, version, { type: 'JobCanceled', data: { by: 'test' } });
        return ended;
      },
      { timeout: 15_000 },
    )
    .toBeDefined();
  expect((await stream.rest()).map(({ id, event }) => [id, event])).toEqual([[ended, 'JobCanceled']]);
});

test('410 where neither log holds the events of a job that has a summary', async () => {
  await using readModel = openReadModel(gateway);
  await readModel.migrate();
  const { job_id, version, links } = await run();
  await readModel.project(job_id);
  await waitUntil(async () => (await gateway.bus.audit.version()) >= version);
  await forget(gateway, job_id);
  await forgetAudit(gateway);
  for (const accept of ['application/json', 'text/event-stream']) {
    // The store may still be resting after its failures without a table.
    await expect
      .poll(async () => (await gateway.call(links.events, { headers: { accept } })).json.code)
      .toBe('events_gone');
    expect((await gateway.call(links.events, { headers: { accept } })).status).toBe(410);
  }
});

test('404 for an unknown job, 422 for a wrong place', async () => {
  const { links } = await run();
  const unknown = links.events.replace(/.{4}\/events/, '0000/events');
  for (const accept of ['application/json', 'text/event-stream']) {
    expect((await gateway.call(unknown, { headers: { accept } })).status).toBe(404);
  }
  const wrong = await gateway.call(`${links.events}?after=x`);
  expect([wrong.status, wrong.json.errors]).toMatchObject([422, [{ parameter: 'after' }]]);
  const header = await gateway.call(links.events, { headers: { 'last-event-id': 'x' } });
  expect(header.json.errors).toMatchObject([{ parameter: 'Last-Event-ID' }]);
});
