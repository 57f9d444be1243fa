import { text } from 'node:stream/consumers';
import { connectionOf } from '@errand/bus/testing';
import type { JobEventOf, PayloadRef } from '@errand/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RUN_PATH, startTestGateway, TENANT, type TestGateway } from './gateway.ts';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway();
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

const LIMIT = 262_144;
const input = (bytes: number) => ({ tilt_deg: 30, anything: 'x'.repeat(bytes) });
/** Of the JSON around the text. */
const AROUND = JSON.stringify(input(0)).length;

async function requestOf(jobId: string): Promise<JobEventOf<'JobRequested'>['data']> {
  const [recorded] = await gateway.bus.jobs.read({ tenantId: TENANT, jobId });
  if (recorded?.event.type !== 'JobRequested') throw new Error('no request');
  return recorded.event.data;
}

async function stored(ref: PayloadRef | undefined): Promise<unknown> {
  const opened = ref && (await gateway.bus.payloads.open(ref));
  return opened?.kind === 'payload' ? JSON.parse(await text(opened.body)) : undefined;
}

async function runLarge(bytes = LIMIT) {
  const { json } = await gateway.call(RUN_PATH, { body: input(bytes) });
  return { job: json, request: await requestOf(json.job_id) };
}

test('an input above the limit lies apart, one at the limit in its event', async () => {
  const at = await runLarge(LIMIT - AROUND);
  expect(at.request.input).toEqual(input(LIMIT - AROUND));
  expect(at.request.input_ref).toBeUndefined();
  const above = await runLarge(LIMIT - AROUND + 1);
  expect(above.request.input).toBeUndefined();
  expect(above.request.input_ref).toMatchObject({ bytes: LIMIT + 1, content_type: 'application/json' });
  expect(await stored(above.request.input_ref)).toEqual(input(LIMIT - AROUND + 1));
});

test('where an input lies is told to nobody', async () => {
  const { job, request } = await runLarge();
  const events = await gateway.call(job.links.events);
  const status = await gateway.call(job.links.status);
  for (const { text: told } of [events, status]) expect(told).not.toContain(request.input_ref?.key);
});

test('a large input is checked like any other before it is stored', async () => {
  const { status, json } = await gateway.call(RUN_PATH, { body: { ...input(LIMIT), tilt_deg: 91 } });
  expect([status, json.errors[0].pointer]).toEqual([422, '#/tilt_deg']);
});

test('large items of a batch lie apart, the others do not', async () => {
  const items = [input(10), input(LIMIT)];
  const { json } = await gateway.call(`${RUN_PATH}-batch`, { body: { items } });
  expect(json.accepted).toBe(2);
  const [small, large] = await Promise.all(
    json.items.map((item: { job_id: string }) => requestOf(item.job_id)),
  );
  expect(small.input).toEqual(input(10));
  expect(await stored(large.input_ref)).toEqual(input(LIMIT));
});

test('an input that lies apart is read as it was sent, also by the job of a retry that shares it', async () => {
  const { job } = await runLarge();
  await gateway.call(job.links.cancel, { method: 'POST' });
  const again = await gateway.call(`${job.links.job}/retry`, { method: 'POST' });
  for (const { links } of [job, again.json]) {
    expect((await gateway.call(`${links.job}/input`)).json).toEqual(input(LIMIT));
  }
});

test('a retry shares a stored input that outlives it', async () => {
  const { job, request } = await runLarge();
  await gateway.call(job.links.cancel, { method: 'POST' });
  const again = await gateway.call(`${job.links.job}/retry`, { method: 'POST' });
  expect(again.status).toBe(202);
  expect((await requestOf(again.json.job_id)).input_ref).toEqual(request.input_ref);
});

test('a retry stores an input anew that would be gone before its end', async () => {
  const { job, request } = await runLarge();
  await gateway.call(job.links.cancel, { method: 'POST' });
  // The summary lasts for an hour more; the new job may last for a day.
  gateway.shiftMs = 7 * 86_400_000 - 3_600_000;
  const again = await gateway.call(`${job.links.job}/retry`, { method: 'POST' });
  gateway.shiftMs = 0;
  const ref = (await requestOf(again.json.job_id)).input_ref;
  expect(ref?.key).toContain(again.json.job_id);
  expect(ref?.sha256).toBe(request.input_ref?.sha256);
});

test('409 for a retry whose stored input is gone', async () => {
  const { job, request } = await runLarge();
  await gateway.call(job.links.cancel, { method: 'POST' });
  if (request.input_ref) await gateway.bus.payloads.delete(request.input_ref);
  const again = await gateway.call(`${job.links.job}/retry`, { method: 'POST' });
  expect([again.status, again.json.code]).toEqual([409, 'input_gone']);
});

test('a run whose input the full store does not take is told which store it is', async () => {
  const nc = connectionOf(gateway.bus);
  const { config } = (await nc.request('$JS.API.STREAM.INFO.OBJ_payloads')).json<{ config: object }>();
  const resize = (max_bytes: number) =>
    nc.request('$JS.API.STREAM.UPDATE.OBJ_payloads', JSON.stringify({ ...config, max_bytes }));
  await resize(1);
  const refused = await gateway.call(RUN_PATH, { body: input(LIMIT) });
  expect([refused.status, refused.json.code]).toEqual([503, 'payloads_full']);
  expect(refused.headers.get('retry-after')).toBe('30');
  expect((await gateway.call(RUN_PATH, { body: input(10) })).status).toBe(202);
  await resize(5_000_000_000);
  expect((await gateway.call(RUN_PATH, { body: input(LIMIT) })).status).toBe(202);
});

test('a tenant whose large inputs take its share of the store gets 429, and keeps nobody else from it', async () => {
  const { api_key: token } = await gateway.createKey('other', 'stranger');
  const another = await gateway.another({ payloadsTenantPercent: 1 });
  const nc = connectionOf(gateway.bus);
  const { config } = (await nc.request('$JS.API.STREAM.INFO.OBJ_payloads')).json<{ config: object }>();
  const resize = (max_bytes: number) =>
    nc.request('$JS.API.STREAM.UPDATE.OBJ_payloads', JSON.stringify({ ...config, max_bytes }));
  // Room for one object.
  await resize(40_000_000);
  const run = (tenantId: string, bearer: string, bytes: number) =>
    fetch(another.url + RUN_PATH.replace(TENANT, tenantId), {
      method: 'POST',
      headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
      body: JSON.stringify(input(bytes)),
    });
  await run(TENANT, gateway.apiKey, LIMIT);
  await run(TENANT, gateway.apiKey, LIMIT);
  const refused = await run(TENANT, gateway.apiKey, LIMIT);
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '60']);
  expect(await refused.json()).toMatchObject({ code: 'too_many_payload_bytes' });
  expect((await run(TENANT, gateway.apiKey, 10)).status).toBe(202);
  expect((await run('other', token, LIMIT - AROUND + 1)).status).toBe(202);
  await another[Symbol.asyncDispose]();
  await resize(5_000_000_000);
});
