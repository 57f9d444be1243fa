import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type Bus, openBus } from '@errand/bus';
import { DEFAULT_TOPOLOGY, type RunAccepted } from '@errand/contracts';
import { createTestDatabase, startTestNats, waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readWholeLog } from './read-log.ts';
import { type System, startSystem } from './system.ts';

/*
 * Executors that announce different contracts under one name. Whatever is started and stopped, a job is run by code
 * that announces the contract against which its input was checked.
 */

const TENANT = 'contracts';
const resources = new AsyncDisposableStack();
let natsUrl: string;
let folder: string;
let system: System;
let bus: Bus;
let apiKey: string;

beforeAll(async () => {
  // Inside the repository, where action files can resolve their imports.
  const ignored = join(import.meta.dirname, '..', '..', '.errand');
  await mkdir(ignored, { recursive: true });
  folder = await mkdtemp(join(ignored, 'contracts-'));
  resources.defer(() => rm(folder, { recursive: true, force: true }));
  const nats = resources.use(await startTestNats());
  natsUrl = nats.url;
  const database = resources.use(await createTestDatabase());
  system = resources.use(await startSystem({ natsUrl, databaseUrl: database.url }));
  bus = resources.use(await openBus({ servers: natsUrl, name: 'test', topology: DEFAULT_TOPOLOGY }));
  await call('PUT', `/admin/tenants/${TENANT}`, undefined, system.adminKey);
  const made = await call('POST', `/admin/tenants/${TENANT}/keys`, { name: 'k' }, system.adminKey);
  apiKey = (await json<{ api_key: string }>(made)).api_key;
});
afterAll(() => resources.disposeAsync());

function call(method: string, path: string, body?: unknown, key = apiKey): Promise<Response> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  return fetch(system.url + path, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
}

async function json<T>(response: Response): Promise<T> {
  return (await response.json()) as T;
}

/** An action that says which code has run it, and that takes its own form of input. */
function actionOf(
  name: string,
  by: string,
  options: { resource?: string; accepts?: string[]; ms?: number } = {},
) {
  const { resource = 'robots/{robot}', accepts = [], ms = 0 } = options;
  return `import { setTimeout as sleep } from 'node:timers/promises';
import { defineAction, z } from '@errand/actions';
export const action = defineAction({
  name: '${name}', version: '${by}', resource: '${resource}', accepts: ${JSON.stringify(accepts)}, concurrency: 8,
  input: z.strictObject({ ${by}: z.number() }), result: z.strictObject({ by: z.literal('${by}') }),
  run: async () => { await sleep(${ms}); return { by: '${by}' as const }; },
});
`;
}

interface Executor extends AsyncDisposable {
  readonly exited: Promise<unknown>;
  /** Its output, once it has ended. */
  readonly said: Promise<string>;
}

let files = 0;
async function startExecutor(source: string): Promise<Executor> {
  const file = join(folder, `action-${files++}.ts`);
  await writeFile(file, source);
  const main = join(import.meta.dirname, '..', '..', 'services', 'executor', 'src', 'main.ts');
  const child: ChildProcess = spawn(process.execPath, [main], {
    env: {
      PATH: process.env.PATH,
      NATS_URL: natsUrl,
      ERRAND_ACTIONS: file,
      ERRAND_OPS_PORT: '0',
      ERRAND_HOST: '127.0.0.1',
      ERRAND_EXECUTOR_FINISH_GRACE_MS: '10000',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const said = child.stdout ? text(child.stdout) : Promise.resolve('');
  return {
    exited,
    said,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

interface Shown {
  readonly contract_id: string;
  readonly version: string;
  readonly unserved_since: string | null;
  readonly contracts: { contract_id: string; version: string }[];
}
const shown = async (name: string) => json<Shown>(await call('GET', `/v2/tenants/${TENANT}/actions/${name}`));
const untilVersion = (name: string, version: string) =>
  waitUntil(async () => ((await shown(name)).version === version ? shown(name) : undefined), {
    timeoutMs: 30_000,
  });
const run = (name: string, body: object, place = 'robots/r1') =>
  call('POST', `/v2/tenants/${TENANT}/${place}/${name}/run`, body);

async function resultOf(jobId: string): Promise<unknown> {
  const summary = await json<{ status: string; results: unknown }>(
    await call('GET', `/v2/tenants/${TENANT}/jobs/${jobId}?wait=30`),
  );
  expect(summary.status).toBe('succeeded');
  return summary.results;
}

test('a second action of a taken name is refused by name, and the first one keeps its route', async () => {
  await using _first = await startExecutor(actionOf('hello', 'one'));
  await untilVersion('hello', 'one');
  const second = await startExecutor(actionOf('hello', 'two', { resource: 'arms/{arm}' }));
  await second.exited;
  expect(await second.said).toMatch(/the name hello is taken: \S+ serves it at robots\/\{robot\}\/hello/);
  const ran = await run('hello', { one: 1 });
  expect(ran.status).toBe(202);
  expect(await resultOf((await json<RunAccepted>(ran)).job_id)).toEqual({ by: 'one' });
  expect((await run('hello', { two: 1 }, 'arms/a1')).status).toBe(404);
});

test('under load, a rolling update and its rollback run each job by the contract that it was accepted under', async () => {
  const accepted: { jobId: string; version: string }[] = [];
  const stop = new AbortController();
  /** Sends what the newest contract that it knows accepts; a contract that has changed meanwhile refuses it by name. */
  async function load(): Promise<void> {
    while (!stop.signal.aborted) {
      for (const version of ['v1', 'v2']) {
        const answer = await run('roll', { [version]: 1 });
        if (answer.status === 202)
          accepted.push({ jobId: (await json<RunAccepted>(answer)).job_id, version });
        else expect(answer.status).toBe(422);
      }
    }
  }
  const sent = (version: string) => accepted.filter((each) => each.version === version).length;
  const untilSent = (version: string, count: number) =>
    waitUntil(() => sent(version) >= count, { timeoutMs: 30_000 });

  const old = await startExecutor(actionOf('roll', 'v1', { ms: 20 }));
  const { contract_id: oldId } = await untilVersion('roll', 'v1');
  const loads = [load(), load(), load()];
  await untilSent('v1', 30);
  const next = await startExecutor(actionOf('roll', 'v2', { ms: 20 }));
  const { contract_id: newId, contracts } = await untilVersion('roll', 'v2');
  expect(contracts.map((each) => each.contract_id)).toEqual([newId, oldId]);
  await untilSent('v2', 30);
  // A restart of the old ones changes nothing.
  await old[Symbol.asyncDispose]();
  const oldAgain = await startExecutor(actionOf('roll', 'v1', { ms: 20 }));
  await untilSent('v2', 60);
  const before = sent('v1');
  await next[Symbol.asyncDispose]();
  await untilVersion('roll', 'v1');
  await untilSent('v1', before + 30);
  stop.abort();
  await Promise.all(loads);

  // Jobs accepted under the withdrawn contract in its last moments wait for its executors, and for no others.
  const nextAgain = await startExecutor(actionOf('roll', 'v2', { ms: 20 }));
  for (const { jobId, version } of accepted) expect(await resultOf(jobId)).toEqual({ by: version });
  await Promise.all([oldAgain, nextAgain].map((executor) => executor[Symbol.asyncDispose]()));
  const idOf: Record<string, string> = { v1: oldId, v2: newId };
  const asked = new Map<string, string | undefined>();
  let ended = 0;
  for (const { event } of await readWholeLog(bus)) {
    if (event.type === 'JobRequested') asked.set(event.subject, event.data.contract_id);
    if (event.type === 'JobSucceeded' && accepted.some(({ jobId }) => jobId === event.subject)) ended++;
  }
  expect(ended).toBe(accepted.length);
  for (const { jobId, version } of accepted) expect(asked.get(jobId)).toBe(idOf[version]);
  console.log('contracts', { accepted: accepted.length, v1: sent('v1'), v2: sent('v2') });
}, 120_000);

test('jobs of a contract that nobody serves wait and say so, until code that accepts it comes', async () => {
  const old = await startExecutor(actionOf('left', 'w1'));
  const { contract_id: oldId } = await untilVersion('left', 'w1');
  await old[Symbol.asyncDispose]();
  await waitUntil(async () => (await shown('left')).unserved_since !== null, { timeoutMs: 30_000 });
  const { job_id: jobId, unserved_since } = await json<RunAccepted>(await run('left', { w1: 1 }));
  expect(unserved_since).toBeDefined();
  const errors = async () =>
    (await json<{ errors: object[] }>(await call('GET', `/v2/tenants/${TENANT}/jobs/${jobId}`))).errors;
  expect(await errors()).toMatchObject([{ code: 'action_unserved', details: [{ contract_id: oldId }] }]);
  // Its own schemas differ, and its result is not what the caller was promised.
  await using _next = await startExecutor(
    actionOf('left', 'w2', { accepts: [oldId] }).replace(
      'z.strictObject({ w2: z.number() })',
      'z.looseObject({})',
    ),
  );
  const ended = await json<{ status: string; errors: object[] }>(
    await call('GET', `/v2/tenants/${TENANT}/jobs/${jobId}?wait=30`),
  );
  expect(ended).toMatchObject({ status: 'failed', errors: [{ code: 'invalid_result' }] });
}, 60_000);
