import { type Receiver, startReceiver, waitUntil } from '@errand/testkit';
import fc from 'fast-check';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SMALL_DESIGN } from '../e2e/caller.ts';
import { createAnswerCheck, type SeenAnswer } from './answer-check.ts';
import { arbitraryRequest, type Known, type RandomRequest } from './arbitrary-request.ts';
import { type ContractSystem, startContractSystem } from './contract-system.ts';
import { type OpenapiDocument, type Operation, operationsOf } from './openapi-document.ts';

const TENANT = 'random';
const REQUESTS = Number(process.env.ERRAND_CONTRACT_REQUESTS ?? 10_000);
const SEED = Number(process.env.ERRAND_CONTRACT_SEED ?? Date.now() % 2 ** 31);
const AT_ONCE = 16;
/**
 * There is no dead letter; a replay, a verification, a bulk action, and nearly every proposal, is over before it can be stopped; no action
 * may go.
 */
const NEVER_BY_CHANCE = [
  'deleteAction',
  'getDeadLetter',
  'discardDeadLetter',
  'redriveDeadLetter',
  'cancelReplay',
  'cancelVerification',
  'abortBulkAction',
  'resumeBulkAction',
  'cancelProposalPdfGeneration',
  // Only with a header Accept, which no document may list, and with a whole message.
  'serveMcp',
  // Only with a code, from the console's own page, or with an id that is none of these.
  'openPortal',
  'revokePortalSession',
  'beginSession',
  'endSession',
];
/** The tenant whose requests these are has to stay. */
const DELETED_TENANT = 'another';
/** Beyond this a call counts as hanging. */
const PATIENCE_MS = 30_000;
/** At most this much of an answer is read. */
const READ_BYTES = 4_000_000;

const resources = new AsyncDisposableStack();
let running: ContractSystem;
let receiver: Receiver;
const agent = new Agent({ headersTimeout: PATIENCE_MS, bodyTimeout: PATIENCE_MS, connections: AT_ONCE });
/** Ids that exist. */
const known: Record<Known, string[]> = {
  job_id: [],
  endpoint_id: [],
  delivery_id: [],
  replay_id: [],
  bulk_id: [],
  schedule_id: [],
  key_id: [],
  verification_id: [],
  file: [],
};
/** The jobs that each `…/run` has made: the operations beside it find no others. */
const jobsBeside = new Map<string, string[]>();

beforeAll(async () => {
  running = resources.use(await startContractSystem(TENANT));
  receiver = resources.use(await startReceiver());
  await prepare();
});

afterAll(async () => {
  await agent.destroy();
  await resources.disposeAsync();
});

test('10,000 random requests find no 5xx, no hang, and no answer that the document does not list', async () => {
  const document = JSON.parse(running.document) as OpenapiDocument;
  const operations = operationsOf(document);
  console.log(`seed ${SEED}: ERRAND_CONTRACT_SEED=${SEED} sends the same requests`);
  const requests = sampled(document);
  const check = createAnswerCheck(document);
  const violations = new Map<string, { count: number; first: unknown }>();
  const statuses: Record<string, number> = {};
  const succeeded = new Set<string>();

  async function sendOne(sent: RandomRequest): Promise<void> {
    const { operation, body } = sent;
    const { operationId } = operation;
    const wanted = filled(sent.path, jobsBeside.get(beside(operation.path)) ?? known.job_id);
    const path = operationId === 'deleteTenant' ? wanted.replace(TENANT, DELETED_TENANT) : wanted;
    const own = body === undefined ? undefined : filled(body, known.job_id);
    const answer = await send({ ...sent, path, body: own }).catch((error: unknown) => String(error));
    const found = typeof answer === 'string' ? [`no answer: ${answer}`] : check(operation, answer);
    if (typeof answer !== 'string') {
      statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
      if (answer.status < 400) succeeded.add(operationId);
      if (answer.status >= 500) found.push(`${answer.status}: ${answer.text.slice(0, 300)}`);
      remember(operation, answer);
    }
    for (const violation of found) {
      const name = `${operationId}: ${violation}`;
      const first = {
        path: path.slice(0, 400),
        key: sent.key,
        headers: sent.headers,
        body: own?.slice(0, 600),
      };
      violations.set(name, {
        count: (violations.get(name)?.count ?? 0) + 1,
        first: violations.get(name)?.first ?? first,
      });
    }
  }

  const beganAt = performance.now();
  const queue = requests.values();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const sent of queue) await sendOne(sent);
    }),
  );
  const seconds = Math.round((performance.now() - beganAt) / 100) / 10;
  // By chance it may be without a quota, or without an action.
  await putTenant(TENANT);
  for (const operation of operations) {
    if (NEVER_BY_CHANCE.includes(operation.operationId)) continue;
    for (const sent of more(document, operation)) {
      if (succeeded.has(operation.operationId)) break;
      await sendOne(sent);
    }
  }
  const never = operations.map(({ operationId }) => operationId).filter((id) => !succeeded.has(id));
  console.log('random requests', {
    sent: requests.length,
    operations: operations.length,
    seconds,
    statuses,
    never,
  });
  // At once, so that a run that is cut off has reported what it found.
  if (violations.size > 0) console.log('violations', JSON.stringify([...violations], null, 1));
  expect(Object.fromEntries(violations)).toEqual({});
  expect(never.filter((id) => !NEVER_BY_CHANCE.includes(id))).toEqual([]);
  expect(requests.length).toBeGreaterThanOrEqual(REQUESTS);
  const none = { gateway: 0, scheduler: 0, executor: 0, projection: 0, webhooks: 0 };
  expect(running.system.restarts).toEqual(none);
});

/** The same number of requests for each operation, shuffled. */
function sampled(document: OpenapiDocument): RandomRequest[] {
  const operations = operationsOf(document);
  const each = Math.ceil(REQUESTS / operations.length);
  const lists = operations.map((operation, index) =>
    fc.sample(arbitraryRequest(document, operation, sampling()), { seed: SEED + index, numRuns: each }),
  );
  return Array.from({ length: each }, (_, turn) => lists.map((list) => list[turn] as RandomRequest)).flat();
}

/** Further requests for an operation that none of the others hit by chance. */
function* more(document: OpenapiDocument, operation: Operation): Generator<RandomRequest> {
  for (let round = 1; round <= 20; round++) {
    yield* fc.sample(arbitraryRequest(document, operation, sampling()), { seed: SEED - round, numRuns: 100 });
  }
}

function sampling() {
  return {
    tenantId: TENANT,
    urls: [
      `${receiver.url}/a`,
      `${receiver.url}/<JOB_ID>`,
      'https://errand.invalid/hook',
      'ftp://x',
      'http://u:p@127.0.0.1:9/',
    ],
  };
}

function filled(text: string, jobIds: readonly string[]): string {
  return text.replaceAll(/\{\{(\w+):(\d+)\}\}/g, (mark, name: Known, index: string) => {
    const ids = name === 'job_id' ? jobIds : known[name];
    return ids.at(-1 - (Number(index) % Math.max(1, ids.length))) ?? mark.replaceAll(/[{}]/g, '');
  });
}

/** `/v2/…/{design_id}/plot/` of `/v2/…/{design_id}/plot/status`. */
function beside(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}

async function send({ operation, path, key, headers, body }: RandomRequest): Promise<SeenAnswer> {
  const { system, apiKey } = running;
  const token = { tenant: apiKey, admin: system.adminKey, wrong: 'wrong', none: undefined }[key];
  const answer = await request(system.url + path, {
    dispatcher: agent,
    method: operation.method as 'GET',
    headers: { ...headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
    body: body ?? null,
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  const contentType = String(answer.headers['content-type'] ?? '');
  const isStream = contentType.startsWith('text/event-stream');
  const chunks: Buffer[] = [];
  let bytes = 0;
  let isCut = false;
  for await (const chunk of answer.body) {
    chunks.push(chunk);
    bytes += chunk.length;
    isCut = isStream || bytes > READ_BYTES;
    if (isCut) break;
  }
  return { status: answer.statusCode, contentType, text: Buffer.concat(chunks).toString(), isCut };
}

/** Makes what a request has created available to later ones. */
function remember(operation: Operation, { status, text }: SeenAnswer): void {
  const { operationId, path } = operation;
  if (status !== 201 && status !== 202 && operationId !== 'listDeliveries') return;
  // It names the key that the caller itself uses.
  if (operationId === 'createPortalSession') return;
  const body = JSON.parse(text) as Partial<Record<Known, string>> & {
    deliveries?: { delivery_id: string }[];
  };
  if (body.job_id !== undefined && path.endsWith('/run')) rememberJob(path, body.job_id);
  for (const name of Object.keys(known) as Known[]) {
    const id = body[name];
    // A key that the caller itself uses must not be deleted.
    if (id !== undefined) known[name].push(id);
  }
  for (const { delivery_id } of body.deliveries ?? []) known.delivery_id.push(delivery_id);
}

function rememberJob(runPath: string, jobId: string): void {
  const jobs = jobsBeside.get(beside(runPath)) ?? [];
  jobs.push(jobId);
  jobsBeside.set(beside(runPath), jobs);
}

/** The tenant as a new one is: with the limits of all. */
async function putTenant(tenantId: string): Promise<void> {
  const { system } = running;
  const headers = { authorization: `Bearer ${system.adminKey}`, 'content-type': 'application/json' };
  const url = `${system.url}/admin/tenants/${tenantId}`;
  const { ok } = await fetch(url, { method: 'PUT', headers, body: '{"actions":null,"limits":{}}' });
  expect(ok).toBe(true);
}

/** Creates something of each kind that has ids. */
async function prepare(): Promise<void> {
  const { caller, system } = running;
  await putTenant(DELETED_TENANT);
  for (let index = 0; index < 5; index++) {
    const { endpoint_id } = await caller.createWebhook({ url: `${receiver.url}/a` });
    known.endpoint_id.push(endpoint_id);
  }
  const page = await (await fetch(`${system.url}/docs`)).text();
  known.file.push(...[...page.matchAll(/"\/docs\/([^"]+)"/g)].map(([, file]) => file ?? ''));
  // Some that end at once, and some that wait and can be canceled.
  for (let index = 0; index < 40; index++) {
    const startAfter = new Date(Date.now() + 3_600_000).toISOString();
    const options = index < 5 ? {} : { _job: { start_after: startAfter } };
    const path = `/v2/tenants/${TENANT}/designs/e2e/performance_simulation/run`;
    const { body } = await caller.call('POST', path, { ...SMALL_DESIGN, ...options });
    const { job_id } = body as { job_id: string };
    known.job_id.push(job_id);
    rememberJob('/v2/tenants/{tenant_id}/designs/{design_id}/performance_simulation/run', job_id);
  }
  const deliveries = await waitUntil(async () => {
    const answer = await caller.call(
      'GET',
      `/v2/tenants/${TENANT}/webhooks/${known.endpoint_id[0]}/deliveries`,
    );
    const listed = (answer.body as { deliveries?: { delivery_id: string }[] }).deliveries ?? [];
    return listed.length > 0 ? listed : undefined;
  });
  known.delivery_id.push(...deliveries.map(({ delivery_id }) => delivery_id));
}
