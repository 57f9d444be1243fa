import { setTimeout as pause } from 'node:timers/promises';
import { type Receiver, startReceiver, waitUntil } from '@errand/testkit';
import fc from 'fast-check';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createCaller, SMALL_DESIGN } from '../e2e/caller.ts';
import { createAnswerCheck, type SeenAnswer } from './answer-check.ts';
import { arbitraryRequest, type Known, type RandomRequest } from './arbitrary-request.ts';
import { type ContractSystem, startContractSystem } from './contract-system.ts';
import { type OpenapiDocument, type Operation, operationsOf } from './openapi-document.ts';

const TENANT = 'random';
const ACTION = 'performance_simulation';
const REQUESTS = Number(process.env.ERRAND_CONTRACT_REQUESTS ?? 10_000);
const SEED = Number(process.env.ERRAND_CONTRACT_SEED ?? Date.now() % 2 ** 31);
const AT_ONCE = 16;
const MOST_ROUNDS = 10;
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
  // Only with a token, which nobody but the outside system of a job is told.
  'postCallback',
  'putCallback',
  'getCallback',
  'reportCallbackProgress',
  // Only with a code, from the console's own page, or with an id that is none of these.
  'openPortal',
  'revokePortalSession',
  'beginSession',
  'endSession',
];
/** The tenant that asks has to stay. */
const OF_ANOTHER_TENANT = ['deleteTenant', 'getDeletion'];
/** Beyond this a call counts as hanging. */
const PATIENCE_MS = 30_000;
/** At most this much of an answer is read. */
const READ_BYTES = 4_000_000;

const resources = new AsyncDisposableStack();
let running: ContractSystem;
let receiver: Receiver;
const agent = new Agent({ headersTimeout: PATIENCE_MS, bodyTimeout: PATIENCE_MS, connections: AT_ONCE });

/** The tenant that asks, and what it has. */
interface Asking {
  readonly tenantId: string;
  readonly apiKey: string;
  /** Ids that exist. */
  readonly known: Record<Known, string[]>;
  /** The jobs that each `…/run` has made: the operations beside it find no others. */
  readonly jobsBeside: Map<string, string[]>;
}

beforeAll(async () => {
  running = resources.use(await startContractSystem(TENANT));
  receiver = resources.use(await startReceiver());
});

afterAll(async () => {
  await agent.destroy();
  await resources.disposeAsync();
});

test('10,000 random requests find no 5xx, no hang, and no answer that the document does not list', async () => {
  const document = JSON.parse(running.document) as OpenapiDocument;
  const operations = operationsOf(document);
  console.log(`seed ${SEED}: ERRAND_CONTRACT_SEED=${SEED} sends the same requests`);
  const check = createAnswerCheck(document);
  const violations = new Map<string, { count: number; first: unknown }>();
  const statuses: Record<string, number> = {};
  const succeeded = new Set<string>();
  const missing = () =>
    operations
      .map(({ operationId }) => operationId)
      .filter((id) => !succeeded.has(id) && !NEVER_BY_CHANCE.includes(id));

  async function sendOne(sent: RandomRequest, from: Asking): Promise<void> {
    const { operation, body } = sent;
    const { operationId } = operation;
    const wanted = filled(sent.path, from, from.jobsBeside.get(beside(operation.path)));
    const path = OF_ANOTHER_TENANT.includes(operationId)
      ? wanted.replace(from.tenantId, goingFor(from.tenantId))
      : wanted;
    const own = body === undefined ? undefined : filled(body, from);
    const answers = await sendPatiently({ ...sent, path, body: own }, from.apiKey).catch((error: unknown) =>
      String(error),
    );
    const found =
      typeof answers === 'string'
        ? [`no answer: ${answers}`]
        : answers.flatMap((each) => check(operation, each));
    const answer = typeof answers === 'string' ? undefined : answers.at(-1);
    if (answer) {
      statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
      if (answer.status < 400) succeeded.add(operationId);
      if (answer.status >= 500) found.push(`${answer.status}: ${answer.text.slice(0, 300)}`);
      remember(operation, answer, from);
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

  async function sendAll(requests: readonly RandomRequest[], from: Asking): Promise<void> {
    const queue = requests.values();
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (const sent of queue) await sendOne(sent, from);
      }),
    );
  }

  const rounds: { sent: number; missing: string[] }[] = [];
  const beganAt = performance.now();
  do {
    // The tenant of an earlier round may have lost by chance what an operation needs: its quota, its last schedule.
    const asking = await newTenant(`${TENANT}-${rounds.length}`);
    const requests = sampled(document, asking, { round: rounds.length, missing: missing() });
    await sendAll(requests, asking);
    rounds.push({ sent: requests.length, missing: missing() });
  } while (missing().length > 0 && rounds.length < MOST_ROUNDS);
  const seconds = Math.round((performance.now() - beganAt) / 100) / 10;
  const never = operations.map(({ operationId }) => operationId).filter((id) => !succeeded.has(id));
  console.log('random requests', {
    rounds: JSON.stringify(rounds),
    operations: operations.length,
    seconds,
    statuses,
    never,
  });
  // At once, so that a run that is cut off has reported what it found.
  if (violations.size > 0) console.log('violations', JSON.stringify([...violations], null, 1));
  expect(Object.fromEntries(violations)).toEqual({});
  expect(missing()).toEqual([]);
  expect(rounds[0]?.sent).toBeGreaterThanOrEqual(REQUESTS);
  const none = { gateway: 0, scheduler: 0, executor: 0, projection: 0, webhooks: 0 };
  expect(running.system.restarts).toEqual(none);
});

/** The same number of requests for each operation, in turn; in later rounds few, but many for those that are missing. */
function sampled(
  document: OpenapiDocument,
  { tenantId }: Asking,
  { round, missing }: { round: number; missing: readonly string[] },
): RandomRequest[] {
  const operations = operationsOf(document);
  const turns = round === 0 ? Math.ceil(REQUESTS / operations.length) : 10;
  const lists = operations.map((operation, index) => {
    const inTurn = round > 0 && missing.includes(operation.operationId) ? 20 : 1;
    const seed = SEED + round * operations.length + index;
    const arbitrary = arbitraryRequest(document, operation, sampling(tenantId));
    return { inTurn, list: fc.sample(arbitrary, { seed, numRuns: turns * inTurn }) };
  });
  return Array.from({ length: turns }, (_, turn) =>
    lists.flatMap(({ inTurn, list }) => list.slice(turn * inTurn, (turn + 1) * inTurn)),
  ).flat();
}

function sampling(tenantId: string) {
  return {
    tenantId,
    urls: [
      `${receiver.url}/a`,
      `${receiver.url}/<JOB_ID>`,
      'https://errand.invalid/hook',
      'ftp://x',
      'http://u:p@127.0.0.1:9/',
    ],
  };
}

function filled(text: string, { known }: Asking, jobIds: readonly string[] = known.job_id): string {
  return text.replaceAll(/\{\{(\w+):(\d+)\}\}/g, (mark, name: Known, index: string) => {
    const ids = name === 'job_id' ? jobIds : known[name];
    return ids.at(-1 - (Number(index) % Math.max(1, ids.length))) ?? mark.replaceAll(/[{}]/g, '');
  });
}

/** `/v2/…/{design_id}/plot/` of `/v2/…/{design_id}/plot/status`. */
function beside(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}

/** All answers: whoever gets a 503 with a time to come again does so, and one that stays is the last of them. */
async function sendPatiently(sent: RandomRequest, apiKey: string): Promise<SentAnswer[]> {
  const answers: SentAnswer[] = [];
  const givesUpAt = performance.now() + PATIENCE_MS;
  for (;;) {
    const answer = await send(sent, apiKey);
    answers.push(answer);
    if (answer.againAfterMs === undefined || performance.now() > givesUpAt) return answers;
    await pause(answer.againAfterMs);
  }
}

interface SentAnswer extends SeenAnswer {
  readonly againAfterMs: number | undefined;
}

async function send(
  { operation, path, key, headers, body }: RandomRequest,
  apiKey: string,
): Promise<SentAnswer> {
  const { system } = running;
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
  const { statusCode: status, headers: got } = answer;
  const againAfterMs = status === 503 && got['retry-after'] ? Number(got['retry-after']) * 1_000 : undefined;
  return { status, contentType, text: Buffer.concat(chunks).toString(), isCut, againAfterMs };
}

/** Makes what a request has created available to later ones. */
function remember(operation: Operation, { status, text }: SeenAnswer, from: Asking): void {
  const { operationId, path } = operation;
  const { known } = from;
  if (status !== 201 && status !== 202 && operationId !== 'listDeliveries') return;
  // It names the key that the caller itself uses.
  if (operationId === 'createPortalSession') return;
  const body = JSON.parse(text) as Partial<Record<Known, string>> & {
    deliveries?: { delivery_id: string }[];
  };
  if (body.job_id !== undefined && path.endsWith('/run')) rememberJob(path, body.job_id, from);
  for (const name of Object.keys(known) as Known[]) {
    const id = body[name];
    // A key that the caller itself uses must not be deleted.
    if (id !== undefined) known[name].push(id);
  }
  for (const { delivery_id } of body.deliveries ?? []) known.delivery_id.push(delivery_id);
}

function rememberJob(runPath: string, jobId: string, { jobsBeside }: Asking): void {
  const jobs = jobsBeside.get(beside(runPath)) ?? [];
  jobs.push(jobId);
  jobsBeside.set(beside(runPath), jobs);
}

/** This one may be deleted. */
function goingFor(tenantId: string): string {
  return `${tenantId}-going`;
}

/** A tenant that has something of each kind that a request may take away again. */
async function newTenant(tenantId: string): Promise<Asking> {
  const { system } = running;
  const caller = resources.use(await createCaller(system, tenantId));
  const { apiKey } = caller;
  resources.use(await createCaller(system, goingFor(tenantId)));
  // An earlier round may have paused it.
  const asAdmin = { authorization: `Bearer ${system.adminKey}` };
  const resumed = await caller.call('POST', `/admin/actions/${ACTION}/resume`, undefined, asAdmin);
  expect(resumed.status).toBe(204);
  const known: Asking['known'] = {
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
  const asking: Asking = { tenantId, apiKey, known, jobsBeside: new Map() };
  const own = `/v2/tenants/${tenantId}`;

  async function make<T>(path: string, body: unknown): Promise<T> {
    const answer = await caller.call('POST', own + path, body);
    expect(answer).toMatchObject({ status: expect.toSatisfy((status: number) => status < 300) });
    return answer.body as T;
  }

  for (let index = 0; index < 5; index++) {
    const { endpoint_id } = await caller.createWebhook({ url: `${receiver.url}/a` });
    known.endpoint_id.push(endpoint_id);
    const schedule = {
      action: ACTION,
      resource: { design_id: 'e2e' },
      input: SMALL_DESIGN,
      cron: '0 6 * * *',
    };
    known.schedule_id.push((await make<{ schedule_id: string }>('/schedules', schedule)).schedule_id);
    known.key_id.push((await make<{ key_id: string }>('/keys', { name: 'random' })).key_id);
  }
  const page = await (await fetch(`${system.url}/docs`)).text();
  known.file.push(...[...page.matchAll(/"\/docs\/([^"]+)"/g)].map(([, file]) => file ?? ''));
  // Some that end at once, and some that wait and can be canceled.
  for (let index = 0; index < 40; index++) {
    const startAfter = new Date(Date.now() + 3_600_000).toISOString();
    const options = index < 5 ? {} : { _job: { start_after: startAfter } };
    const run = { ...SMALL_DESIGN, ...options };
    const { job_id } = await make<{ job_id: string }>(`/designs/e2e/${ACTION}/run`, run);
    known.job_id.push(job_id);
    rememberJob(`/v2/tenants/{tenant_id}/designs/{design_id}/${ACTION}/run`, job_id, asking);
  }
  const listed = await waitUntil(async () => {
    const path = `${own}/webhooks/${known.endpoint_id[0]}/deliveries`;
    const { body } = await caller.call('GET', path);
    const { deliveries = [] } = body as { deliveries?: { delivery_id: string }[] };
    return deliveries.length > 0 ? deliveries : undefined;
  });
  known.delivery_id.push(...listed.map(({ delivery_id }) => delivery_id));
  return asking;
}
