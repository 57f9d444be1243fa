import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startReceiver, waitUntil } from '@errand/testkit';
import { request } from 'undici';
import { type BenchSystem, startBenchSystem } from '../harness/bench-system.ts';
import { readNumbers } from '../harness/options.ts';
import { round } from '../harness/percentile.ts';
import { residentMb } from '../harness/process-usage.ts';

const AT_ONCE = 50;
const SETTLE_MS = 10_000;
const SLOTS = 16;

/**
 * What jobs cost that wait for calls of an outside system: slots of the executor, and memory of gateway, executor and
 * scheduler, after as many jobs have been called back before; and how many calls a second end them.
 */
export async function benchCallbacks(args: readonly string[]): Promise<object> {
  const { jobs } = readNumbers(args, { jobs: 10_000 });
  await using resources = new AsyncDisposableStack();
  const urls: string[] = [];
  const vendor = resources.use(
    await startReceiver({
      respond({ body }) {
        urls.push(JSON.parse(body).notify);
        return 202;
      },
    }),
  );
  const folder = resources.use(await mkdtempDisposable(join(tmpdir(), 'errand-bench-callbacks-')));
  const file = join(folder.path, 'actions.yaml');
  await writeFile(
    file,
    `actions:
  outside:
    concurrency: ${SLOTS}
    http: { url: '${vendor.url}/work', body: { notify: '{{callback_url}}' }, callback: { within_s: 36000 } }
`,
  );
  const services = (['gateway', 'executor', 'projection'] as const).map((name) => ({ name }));
  const system = resources.use(await startBenchSystem(services, { ERRAND_ACTIONS: file }));
  await waitUntil(async () => (await run(system)) === 202, { timeoutMs: 30_000 });

  await many(jobs, () => run(system));
  await untilDeferred(system, urls, jobs + 1);
  await callBack(urls);
  urls.length = 0;
  vendor.requests.length = 0;
  await pause(SETTLE_MS);
  const before = await memoryOf(system);

  await many(jobs, () => run(system));
  const running = await untilDeferred(system, urls, jobs);
  await pause(SETTLE_MS);
  const waiting = await memoryOf(system);

  const begun = performance.now();
  const answers = await callBack(urls);
  const perSecond = round((jobs * 1_000) / (performance.now() - begun), 0);

  console.log(`\n${jobs} jobs wait for a call; ${running} of ${SLOTS} slots are in use\n`);
  console.log('MB resident      before   waiting');
  for (const name of Object.keys(before)) {
    console.log(
      `${name.padEnd(12)}${String(before[name]).padStart(11)}${String(waiting[name]).padStart(10)}`,
    );
  }
  console.log(`\n${perSecond} calls a second; answers ${JSON.stringify(answers)}\n`);
  return {
    jobs,
    slots_in_use: running,
    before_mb: before,
    waiting_mb: waiting,
    calls_per_s: perSecond,
    answers,
  };
}

async function run({ url, adminKey }: BenchSystem): Promise<number> {
  const headers = { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' };
  const path = `${url}/v2/tenants/bench/outside/run`;
  const { statusCode, body } = await request(path, { method: 'POST', headers, body: '{}' });
  await body.dump();
  return statusCode;
}

async function many(count: number, one: () => Promise<unknown>): Promise<void> {
  let left = count;
  const some = async () => {
    while (left-- > 0) await one();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, some));
}

/** Until the vendor has all work and the executor runs nothing; resolves with how many slots are in use. */
async function untilDeferred(system: BenchSystem, urls: readonly string[], jobs: number): Promise<number> {
  await waitUntil(() => urls.length >= jobs, { timeoutMs: 600_000, intervalMs: 200 });
  return waitUntil(
    async () => {
      const headers = { authorization: `Bearer ${system.adminKey}` };
      const answer = await fetch(`${system.url}/admin/executors`, { headers });
      const { executors } = (await answer.json()) as { executors: { contracts: { running: number }[] }[] };
      const running = executors
        .flatMap(({ contracts }) => contracts)
        .reduce((sum, each) => sum + each.running, 0);
      return running === 0 ? { running } : undefined;
    },
    { timeoutMs: 60_000, intervalMs: 500 },
  ).then(({ running }) => running);
}

async function callBack(urls: readonly string[]): Promise<Record<number, number>> {
  const answers: Record<number, number> = {};
  const left = urls.values();
  await many(urls.length, async () => {
    const { value: url } = left.next();
    if (url === undefined) return;
    const headers = { 'content-type': 'application/json' };
    const { statusCode, body } = await request(url, { method: 'POST', headers, body: '{"ok":true}' });
    await body.dump();
    answers[statusCode] = (answers[statusCode] ?? 0) + 1;
  });
  return answers;
}

async function memoryOf({ pids }: BenchSystem): Promise<Record<string, number>> {
  const names = ['gateway', 'executor', 'scheduler'];
  const measured = names.map(
    async (name) => [name, round((await residentMb(pids[name] as number)).now, 0)] as const,
  );
  return Object.fromEntries(await Promise.all(measured));
}
