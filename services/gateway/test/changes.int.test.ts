import type { RunAccepted } from '@errand/contracts';
import { waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RUN_PATH, STARTED, SUCCEEDED, startTestGateway, type TestGateway } from './gateway.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

const CHANGES = '/v2/tenants/acme/changes';

interface Change {
  readonly id: string;
  readonly type: string;
  readonly data: { job_id: string; action: string; event: { version: number; data: object } };
}

/** A reader that keeps what comes until it is closed. */
function open(after?: string) {
  const stop = new AbortController();
  const changes: Change[] = [];
  let text = '';
  const headers = {
    authorization: `Bearer ${gateway.apiKey}`,
    accept: 'text/event-stream',
    ...(after === undefined ? {} : { 'last-event-id': after }),
  };
  const opened = fetch(gateway.url + CHANGES, { headers, signal: stop.signal });
  const reading = (async () => {
    const { body } = await opened;
    for await (const piece of body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += piece;
      const frames = text.split('\n\n');
      text = frames.pop() ?? '';
      for (const frame of frames) {
        const [, id, type, data] = /id: (\d+)\nevent: (\w+)\ndata: (.*)/.exec(frame) ?? [];
        if (id && type && data) changes.push({ id, type, data: JSON.parse(data) });
      }
    }
  })().catch(() => {});
  return {
    changes,
    /** Resolves once the stream has begun. */
    begun: opened,
    async close() {
      stop.abort();
      await reading;
    },
  };
}

async function runJob(): Promise<RunAccepted> {
  const { json } = await gateway.call(RUN_PATH, { body: { tilt_deg: 1, name: 'secret' } });
  const started = await gateway.append(json.job_id, json.version, STARTED);
  await gateway.append(json.job_id, started ?? 0, SUCCEEDED);
  return json;
}

test('what happens to all jobs comes once and in order, without inputs, also to a reader that comes back', async () => {
  const first = open();
  await first.begun;
  const one = await runJob();
  await waitUntil(() => first.changes.length === 3);
  expect(first.changes.map(({ type }) => type)).toEqual(['JobRequested', 'JobStarted', 'JobSucceeded']);
  expect(first.changes[0]?.data).toMatchObject({ job_id: one.job_id, action: 'simulate' });
  expect(JSON.stringify(first.changes)).not.toContain('secret');
  await first.close();
  const jobs = [await runJob(), await runJob()];
  const again = open(first.changes[1]?.id);
  jobs.push(await runJob());
  await waitUntil(() => again.changes.length >= 10);
  expect(again.changes.map(({ data }) => data.event.version)).toEqual(
    again.changes.map(({ data }) => data.event.version).toSorted((a, b) => a - b),
  );
  const seen = again.changes.map(({ type, data }) => `${type} ${data.job_id}`);
  expect(new Set(seen).size).toBe(10);
  expect(seen[0]).toBe(`JobSucceeded ${one.job_id}`);
  await again.close();
});

test('other tenants see nothing of it, and a stream ends with its key', async () => {
  await gateway.call('/admin/tenants/other', { method: 'PUT', token: 'an-admin-key-for-tests' });
  const { api_key: token, key_id } = await gateway.createKey('other', 'k');
  const headers = { authorization: `Bearer ${token}`, accept: 'text/event-stream' };
  const stream = await fetch(`${gateway.url}/v2/tenants/other/changes`, { headers });
  const told = stream.text().catch(() => '');
  await runJob();
  await gateway.call(`/admin/keys/${key_id}`, { method: 'DELETE', token: 'an-admin-key-for-tests' });
  expect(await told).not.toContain('event:');
});

test('a page says what happened behind a place, and where to go on', async () => {
  // What happened before is behind that place.
  const { bus } = gateway;
  await waitUntil(async () => (await bus.audit.version()) >= (await bus.jobs.lastEvent()));
  const { next } = (await gateway.call(CHANGES)).json;
  expect((await gateway.call(`${CHANGES}?after=${next}`)).json).toEqual({ changes: [], next });
  const { job_id } = await runJob();
  const page = await waitUntil(async () => {
    const { json } = await gateway.call(`${CHANGES}?after=${next}`);
    return json.changes.length === 3 ? json : undefined;
  });
  expect(page.changes.map((change: { job_id: string }) => change.job_id)).toEqual([job_id, job_id, job_id]);
  expect((await gateway.call(`${CHANGES}?after=${page.next}`)).json.changes).toEqual([]);
});

test('a place that there is not, or is no place, is refused', async () => {
  await runJob();
  expect((await gateway.call(`${CHANGES}?after=999999999`)).json.code).toBe('cursor_expired');
  const wrong = await gateway.call(`${CHANGES}?after=x`);
  expect([wrong.status, wrong.json.errors[0].parameter]).toEqual([422, 'after']);
  expect((await gateway.call(CHANGES, { method: 'HEAD' })).status).toBe(200);
});
