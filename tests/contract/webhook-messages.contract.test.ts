import { randomUUIDv7 } from 'node:crypto';
import { type Bus, openBus } from '@errand/bus';
import { DEFAULT_TOPOLOGY, type JobFact, toJobEvent } from '@errand/contracts';
import { type Db, openDatabase } from '@errand/postgres';
import { createTestDatabase, type Receiver, startReceiver, startTestNats, waitUntil } from '@errand/testkit';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Caller, createCaller } from '../e2e/caller.ts';
import { type System, startSystem } from '../e2e/system.ts';
import { closed, closedSchemas } from './answer-check.ts';
import type { Json, OpenapiDocument } from './openapi-document.ts';

/*
 * Checks what receivers are really sent, for every type, against the `webhooks` of the document.
 */

interface MessageObject {
  readonly parameters: readonly { name: string; required: boolean; schema: Json }[];
  readonly requestBody: { content: { 'application/json': { schema: Json } } };
}
type Document = OpenapiDocument & { webhooks: Record<string, { post: MessageObject }> };

const TENANT = 'told';
const HOUR_MS = 3_600_000;
const FAULT = { code: 'too_steep', message: 'The roof is too steep.', details: [{ pointer: '#/tilt' }] };
const ENDINGS: JobFact[] = [
  { type: 'JobSucceeded', data: { attempt: 1, result: 'more than 64 KiB'.repeat(5_000), duration_ms: 1 } },
  { type: 'JobFailed', data: { attempt: 1, error: FAULT, duration_ms: 1 } },
  { type: 'JobCanceled', data: { by: 'key' } },
  { type: 'JobExpired', data: { deadline: 'finish_by' } },
];

const resources = new AsyncDisposableStack();
let system: System;
let caller: Caller;
let receiver: Receiver;
let bus: Bus;
let db: Db;
let document: Document;

beforeAll(async () => {
  const nats = resources.use(await startTestNats());
  const database = resources.use(await createTestDatabase());
  system = resources.use(await startSystem({ natsUrl: nats.url, databaseUrl: database.url }));
  receiver = resources.use(await startReceiver());
  caller = resources.use(await createCaller(system, TENANT));
  bus = resources.use(await openBus({ servers: nats.url, name: 'contract', topology: DEFAULT_TOPOLOGY }));
  db = resources.adopt(openDatabase({ url: database.url, name: 'contract', poolSize: 2 }), (opened) =>
    opened.destroy(),
  );
  document = (await (await fetch(`${system.url}/openapi.json`)).json()) as Document;
});
afterAll(() => resources.disposeAsync());

/** What a message has in its body and headers that the document does not promise. */
function violationsOf(type: string, { body, headers }: Receiver['requests'][number]): unknown[] {
  const message = document.webhooks[type]?.post;
  if (!message) return [`${type} is not in the document`];
  const components = { ...document.components, schemas: closedSchemas(document.components.schemas) };
  const ajv = new Ajv2020({ strict: false, validateFormats: false, coerceTypes: true });
  const compile = (schema: Json) => ajv.compile({ ...closed(schema), components });
  const bodyCheck = compile(message.requestBody.content['application/json'].schema);
  const found: unknown[] = bodyCheck(JSON.parse(body)) ? [] : [...(bodyCheck.errors ?? [])];
  for (const { name, required, schema } of message.parameters) {
    const value = headers[name];
    if (value === undefined) found.push(...(required ? [`${name} is not there`] : []));
    // Wrapped in an object, or the coerced value would have no place to be written to.
    else if (!compile({ properties: { value: schema } })({ value })) found.push(`${name}: ${value}`);
  }
  return found;
}

async function endJob(fact: JobFact): Promise<void> {
  const ref = { tenantId: TENANT, action: 'add', jobId: randomUUIDv7() };
  const request: JobFact = {
    type: 'JobRequested',
    data: {
      tenant_id: TENANT,
      action: 'add',
      action_version: '1',
      resource: { room: '1' },
      input: {},
      metadata: { order: '7' },
      source: 'api',
      requested_by: 'key',
      finish_by: new Date(Date.now() + HOUR_MS).toISOString(),
    },
  };
  let version = 0;
  for (const each of [request, fact]) {
    const envelope = {
      id: randomUUIDv7(),
      jobId: ref.jobId,
      source: '/errand/test',
      timeMs: Date.now(),
    } as const;
    const outcome = await bus.jobs.append({
      ref,
      event: toJobEvent(each, envelope),
      expectedVersion: version,
    });
    if (outcome.kind !== 'appended') throw new Error(`not appended: ${outcome.kind}`);
    version = outcome.version;
  }
}

/** Resolves to the first message of this type that the witness received. */
function told(type: string): Promise<Receiver['requests'][number]> {
  return receiver.waitFor(({ url, body }) => url === '/witness' && JSON.parse(body).type === type, 60_000);
}

const stateOf = (endpointId: string) =>
  db
    .selectFrom('webhook_endpoint_state')
    .selectAll()
    .where('endpoint_id', '=', endpointId)
    .executeTakeFirst();

/** Instead of waiting for hours: an endpoint's state is backdated while nobody has it in memory. */
async function makeOlder(endpointId: string, changes: Record<string, string>): Promise<void> {
  const states = db.updateTable('webhook_endpoint_state').set(changes);
  await system.kill('webhooks', async () => {
    await states.where('endpoint_id', '=', endpointId).execute();
  });
}

test('messages of every type are as the document says', { timeout: 300_000 }, async () => {
  const types = Object.keys(document.webhooks);
  expect(types.toSorted()).toEqual([
    ...['job.canceled', 'job.expired', 'job.failed', 'job.succeeded'],
    ...['webhook.disabled', 'webhook.failing', 'webhook.recovered', 'webhook.test'],
  ]);
  const witness = await caller.createWebhook({
    url: `${receiver.url}/witness`,
    event_types: ['job.*', 'webhook.*'],
    include: ['results'],
  });
  let answer = 500;
  receiver.respond = ({ url }) => (url === '/down' ? answer : 200);
  const down = await caller.createWebhook({ url: `${receiver.url}/down`, event_types: ['job.succeeded'] });
  const [succeeded, ...others] = ENDINGS as [JobFact, ...JobFact[]];

  for (const fact of [succeeded, ...others]) await endJob(fact);
  await caller.call('POST', `/v2/tenants/${TENANT}/webhooks/${witness.endpoint_id}/test`);
  const longAgo = new Date(Date.now() - HOUR_MS - 60_000).toISOString();
  await waitUntil(async () => (await stateOf(down.endpoint_id))?.state === 'failing', { timeoutMs: 30_000 });
  await makeOlder(down.endpoint_id, {
    failing_since: longAgo,
    last_failure_at: longAgo,
    next_probe_at: longAgo,
  });
  await endJob(succeeded);
  await told('webhook.failing');
  answer = 200;
  await told('webhook.recovered');
  answer = 410;
  await endJob(succeeded);
  await waitUntil(async () => (await stateOf(down.endpoint_id))?.gone_at, { timeoutMs: 60_000 });
  await makeOlder(down.endpoint_id, { gone_at: longAgo, failing_since: longAgo, next_probe_at: longAgo });
  await endJob(succeeded);

  for (const type of types) expect(violationsOf(type, await told(type)), type).toEqual([]);
});

test('deviations from the document are found', async () => {
  const message = await told('job.failed');
  const body = { ...JSON.parse(message.body), more: 1 };
  expect(violationsOf('job.failed', { ...message, body: JSON.stringify(body) })).not.toEqual([]);
  expect(violationsOf('job.failed', { ...message, headers: {} })).not.toEqual([]);
  expect(violationsOf('job.succeeded', message)).not.toEqual([]);
});
