import { JOB_WEBHOOKS_RECORD, type JobFact, type WebhookEndpoint } from '@errand/contracts';
import { waitUntil } from '@errand/testkit';
import { expect, test } from 'vitest';
import { receiver, startForEachTest, system, tenantId } from './system.ts';

/* What a receiver that asks to be left alone holds up, and all that ends it. The clock stands still, so no hold ends by itself. */

const HOUR_MS = 3_600_000;
const SUCCEEDED: JobFact = { type: 'JobSucceeded', data: { attempt: 1, result: {}, duration_ms: 5 } };
const NEVER = { waitsMs: [0, 0, 0, 0, 0, 0, 0, 0], jitter: 0 };

startForEachTest();

/** A service whose clock stands still, but for `aheadMs`. */
function frozen() {
  const atMs = Date.now();
  const clock = { aheadMs: 0 };
  return { clock, context: { now: () => atMs + clock.aheadMs, schedule: NEVER } };
}
const delivery = (eventId: string, endpointId?: string) =>
  system.db
    .selectFrom('webhook_delivery')
    .selectAll()
    .where('event_id', '=', eventId)
    .$if(endpointId !== undefined, (query) => query.where('endpoint_id', '=', endpointId ?? ''))
    .executeTakeFirst();
const delivered = (eventId: string) =>
  waitUntil(async () => (await delivery(eventId))?.state === 'delivered');
const stateOf = (endpointId: string) =>
  system.db
    .selectFrom('webhook_endpoint_state')
    .selectAll()
    .where('endpoint_id', '=', endpointId)
    .executeTakeFirst();

function holdFor(seconds: string | number) {
  receiver.respond = ({ url }) =>
    url.startsWith('/free') ? 200 : { status: 503, headers: { 'retry-after': String(seconds) } };
}

/** An endpoint that answered one event with Retry-After; nothing more is sent to it. */
async function heldEndpoint(): Promise<{ endpoint: WebhookEndpoint; eventId: string; waiting: string }> {
  holdFor(86_400);
  const endpoint = await system.addEndpoint({ tenant_id: tenantId, url: `${receiver.url}/held` });
  const { eventId } = await system.endJob(tenantId);
  await waitUntil(async () => (await stateOf(endpoint.endpoint_id))?.breaker === 'open');
  const { eventId: waiting } = await system.endJob(tenantId);
  await waitUntil(async () => (await delivery(waiting)) !== undefined);
  return { endpoint, eventId, waiting };
}

const changed = (endpoint: WebhookEndpoint, over: Partial<WebhookEndpoint>) =>
  system.addEndpoint({
    ...endpoint,
    updated_at: new Date(Date.parse(endpoint.updated_at) + 1).toISOString(),
    ...over,
  });

test.each([86_400, 65_000, 'Fri, 31 Dec 2100 00:00:00 GMT'])(
  'a receiver that asks for %s is tried again after an hour',
  async (asked) => {
    const { clock, context } = frozen();
    await using _service = await system.start({}, context);
    holdFor(asked);
    const { endpoint_id } = await system.addEndpoint({
      tenant_id: tenantId,
      url: `${receiver.url}/held`,
    });
    const { eventId } = await system.endJob(tenantId);
    const state = await waitUntil(() => stateOf(endpoint_id));
    expect(state.next_probe_at?.getTime()).toBe(context.now() + HOUR_MS);
    receiver.respond = 200;
    clock.aheadMs = HOUR_MS;
    await delivered(eventId);
  },
);

test('how long a receiver is heard for is a setting', async () => {
  const { context } = frozen();
  await using _service = await system.start({ maxRetryAfterS: 60 }, context);
  holdFor(86_400);
  const { endpoint_id } = await system.addEndpoint({ tenant_id: tenantId, url: `${receiver.url}/held` });
  await system.endJob(tenantId);
  const state = await waitUntil(() => stateOf(endpoint_id));
  expect(state.next_probe_at?.getTime()).toBe(context.now() + 60_000);
});

const WAYS_OUT: Record<string, (endpoint: WebhookEndpoint, eventId: string) => Promise<unknown>> = {
  'another URL': (endpoint) => changed(endpoint, { url: `${receiver.url}/free` }),
  'a pause and a resume': async (endpoint) => {
    const paused = await changed(endpoint, { enabled: false });
    await changed(paused, { enabled: true });
  },
  'a resume alone': (endpoint) => changed(endpoint, {}),
  'another secret': async (endpoint) => {
    const { signing_secret } = await system.addEndpoint({ ...endpoint, endpoint_id: endpoint.endpoint_id });
    await changed(endpoint, { signing_secret });
  },
  'a redelivery': ({ tenant_id, endpoint_id }, event_id) =>
    system.bus.commands.askWebhooks('redeliver', { tenant_id, endpoint_id, event_id }),
  'a test that succeeds': ({ tenant_id, endpoint_id }) =>
    system.bus.commands.askWebhooks('test', { tenant_id, endpoint_id }),
};

test.each(Object.entries(WAYS_OUT))('%s ends a hold at once', async (_, wayOut) => {
  await using _service = await system.start({}, frozen().context);
  const { endpoint, eventId, waiting } = await heldEndpoint();
  receiver.respond = 200;
  await wayOut(endpoint, eventId);
  await delivered(eventId);
  await delivered(waiting);
});

test('a test that fails ends no hold', async () => {
  await using _service = await system.start({}, frozen().context);
  const { endpoint, waiting } = await heldEndpoint();
  const { tenant_id, endpoint_id } = endpoint;
  expect(await system.bus.commands.askWebhooks('test', { tenant_id, endpoint_id })).toMatchObject({
    status: 503,
  });
  receiver.respond = 200;
  const other = await system.addEndpoint({ tenant_id: `${tenantId}-b`, url: receiver.url });
  const { eventId } = await system.endJob(other.tenant_id);
  await delivered(eventId);
  expect((await delivery(waiting))?.attempts).toBe(0);
});

test.each(['another URL', 'a resume alone', 'a redelivery'])(
  '%s ends a hold also where the process that knew of it is gone',
  async (way) => {
    const { context } = frozen();
    const first = await system.start({}, context);
    const { endpoint, eventId, waiting } = await heldEndpoint();
    receiver.respond = 200;
    // The one that answers is not the one that sends.
    if (way === 'a redelivery') await WAYS_OUT[way]?.(endpoint, eventId);
    await first[Symbol.asyncDispose]();
    if (way !== 'a redelivery') await WAYS_OUT[way]?.(endpoint, eventId);
    await using _second = await system.start({}, context);
    await delivered(waiting);
  },
);

test('whichever process is asked, the one that sends tries again', async () => {
  const { context } = frozen();
  await using _first = await system.start({}, context);
  await using _second = await system.start({}, context);
  holdFor(86_400);
  const endpoints = [];
  for (let count = 0; count < 6; count++) {
    endpoints.push(await system.addEndpoint({ tenant_id: tenantId, url: `${receiver.url}/held` }));
  }
  const { eventId: event_id } = await system.endJob(tenantId);
  for (const { endpoint_id } of endpoints) {
    await waitUntil(async () => (await stateOf(endpoint_id))?.breaker === 'open');
  }
  receiver.respond = 200;
  for (const { endpoint_id } of endpoints) {
    const asked = { tenant_id: tenantId, endpoint_id, event_id };
    expect(await system.bus.commands.askWebhooks('redeliver', asked)).toMatchObject({ kind: 'scheduled' });
  }
  for (const { endpoint_id } of endpoints) {
    await waitUntil(async () => (await delivery(event_id, endpoint_id))?.state === 'delivered');
  }
});

test('an endpoint that refused connections is tried at once when a delivery is asked for', async () => {
  await using _service = await system.start({}, frozen().context);
  receiver.respond = 500;
  const endpoint = await system.addEndpoint({ tenant_id: tenantId, url: receiver.url });
  const ended = await Promise.all(Array.from({ length: 8 }, () => system.endJob(tenantId)));
  const state = await waitUntil(async () => {
    const row = await stateOf(endpoint.endpoint_id);
    return row?.breaker === 'open' ? row : undefined;
  });
  expect(state.next_probe_at?.getTime()).toBeGreaterThan(frozen().context.now());
  receiver.respond = 200;
  const asked = ended.at(-1)?.eventId ?? '';
  await WAYS_OUT['a redelivery']?.(endpoint, asked);
  await delivered(asked);
  // It goes first, before all that has waited longer.
  expect(
    receiver.requests.findLast(({ headers }) => headers['errand-trigger'] === 'probe')?.headers,
  ).toMatchObject({ 'webhook-id': asked });
  for (const { eventId } of ended) await delivered(eventId);
});

test('another URL begins with nothing of what the one before did', async () => {
  const { clock, context } = frozen();
  await using _service = await system.start({}, context);
  receiver.respond = 410;
  const endpoint = await system.addEndpoint({ tenant_id: tenantId, url: `${receiver.url}/a` });
  const { endpoint_id } = endpoint;
  await system.endJob(tenantId);
  await waitUntil(async () => (await stateOf(endpoint_id))?.gone_at);
  await changed(endpoint, { url: `${receiver.url}/b` });
  expect(
    await waitUntil(async () => {
      const row = await stateOf(endpoint_id);
      return row?.state === 'active' ? row : undefined;
    }),
  ).toMatchObject({
    failing_since: null,
    gone_at: null,
    failed_attempts: 0,
    breaker: 'closed',
    next_probe_at: null,
  });
  clock.aheadMs = 61_000;
  await system.endJob(tenantId);
  const after = await waitUntil(async () => {
    const row = await stateOf(endpoint_id);
    return row?.state === 'active' ? undefined : row;
  });
  expect(after).toMatchObject({ state: 'failing', failed_attempts: 1 });
  expect(after.failing_since?.getTime()).toBe(context.now());
});

test('an answer of the URL before says nothing about the one after', async () => {
  await using _service = await system.start({}, frozen().context);
  const answer = Promise.withResolvers<{ status: number; headers: Record<string, string> }>();
  receiver.respond = ({ url }) => (url === '/a' ? answer.promise : 200);
  const endpoint = await system.addEndpoint({ tenant_id: tenantId, url: `${receiver.url}/a` });
  const { eventId } = await system.endJob(tenantId);
  await receiver.waitFor(() => true);
  await changed(endpoint, { url: `${receiver.url}/b` });
  const { eventId: after } = await system.endJob(tenantId);
  await delivered(after);
  answer.resolve({ status: 503, headers: { 'retry-after': '86400' } });
  await delivered(eventId);
  await waitUntil(async () => (await stateOf(endpoint.endpoint_id))?.state === 'active');
  expect(await stateOf(endpoint.endpoint_id)).toMatchObject({ breaker: 'closed', failing_since: null });
});

test('a URL of a single run holds up no other of the same host, and goes on once its delivery is asked for', async () => {
  await using _service = await system.start({}, frozen().context);
  holdFor(86_400);
  await system.addEndpoint({
    tenant_id: tenantId,
    endpoint_id: JOB_WEBHOOKS_RECORD,
    url: 'https://job.invalid/',
  });
  const endJobTelling = (path: string) =>
    system.endJob(tenantId, SUCCEEDED, { url: `${receiver.url}${path}`, events: ['job.succeeded'] });
  const { eventId: event_id } = await endJobTelling('/held');
  const { endpoint_id } = await waitUntil(() => delivery(event_id));
  await waitUntil(async () => (await stateOf(endpoint_id))?.breaker === 'open');
  const free = await endJobTelling('/free');
  await delivered(free.eventId);
  expect((await delivery(event_id))?.state).toBe('pending');
  receiver.respond = 200;
  await system.bus.commands.askWebhooks('redeliver', { tenant_id: tenantId, endpoint_id, event_id });
  await delivered(event_id);
});
