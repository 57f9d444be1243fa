import { text } from 'node:stream/consumers';
import { JobId, payloadSubjects } from '@errand/contracts';
import { startTestNats, type TestNats } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Bus } from '../src/bus.ts';
import { connectionOf } from '../src/testing.ts';
import { openTestBus } from './bus.ts';

let nats: TestNats;
let bus: Bus;
beforeAll(async () => {
  nats = await startTestNats();
  bus = await openTestBus(nats.url);
});
afterAll(async () => {
  await bus?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

const JOB = JobId.parse('01890000-0000-7000-8000-000000000001');

async function store(tenantId: string) {
  return bus.payloads.put({
    tenantId,
    jobId: JOB,
    contentType: 'application/json',
    body: [Buffer.from('"kept"')],
  });
}

test("a description with a wildcard in its name leads to no other tenant's payloads", async () => {
  const [own, other] = [await store('gone'), await store('gone-b')];
  const name = Buffer.from(`gone/${JOB}/>`).toString('base64url');
  await connectionOf(bus).request(payloadSubjects.metaOf(name), '{}');
  expect(await bus.forget.purgePayloads('gone')).toBe(3);
  expect((await bus.payloads.open(own)).kind).toBe('gone');
  const opened = await bus.payloads.open(other);
  expect(opened.kind === 'payload' && (await text(opened.body))).toBe('"kept"');
  expect(await bus.forget.purgePayloads('gone')).toBe(0);
});

test('an audit log that has lost what it had of a version had it all the same', async () => {
  const subject = `jobs.gone.add.${JOB}.started`;
  const { seq } = (await connectionOf(bus).request(subject, '{}')).json<{ seq: number }>();
  await expect.poll(() => bus.audit.version()).toBe(seq);
  await connectionOf(bus).request('$JS.API.STREAM.PURGE.AUDIT', '{}');
  expect(await bus.audit.version()).toBe(0);
  expect(await bus.forget.isAudited(seq)).toBe(true);
  expect(await bus.forget.purgeEvents('gone')).toBe(1);
  expect(await bus.forget.lastVersions('gone')).toEqual({ event: 0, ending: 0 });
});
