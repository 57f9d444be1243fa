import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '@errand/local-servers';
import { waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EXAMPLE_PLACES } from '../../dev/repository.ts';
import { createDevFolder, type DevSystem, startDevSystem } from './dev-system.ts';
import { type Block, READERS_PATH, ROOT, readBlocks, writeFiles } from './page-blocks.ts';

/*
 * The pages for authors and callers as a reader follows them: files are written as their code blocks say, then the
 * command blocks are run. A block's info string says which it is: `ts file=actions/hello.ts`, `sh run`, `sh
 * background`.
 */

const ENV = {
  PRICING_TOKEN: 's3cret',
  ERRAND_ACTIONS: [...EXAMPLE_PLACES, './actions', './more', './slow', './examples/python'].join(','),
};

let dev: DevSystem;
let port: number;
let receiverPort: number;
let workersPort: number;
let background: ChildProcess | undefined;
let pages: {
  actions: Block[];
  wrap: Block[];
  call: Block[];
  logs: Block[];
  receive: Block[];
  command: Block[];
  mcp: Block[];
  workers: Block[];
};

/** The pages name ports that may be taken here. */
function onOwnPorts(text: string): string {
  return text
    .replaceAll('9100', String(port))
    .replaceAll('9200', String(receiverPort))
    .replaceAll('8090', String(workersPort));
}

const blocksOf = (page: string) => readBlocks(page, onOwnPorts);

/** The output of a page's commands, all run in one shell. */
async function runCommands(blocks: readonly Block[]): Promise<string> {
  const commands = blocks.filter(({ info }) => info === 'sh run').map(({ text }) => text);
  const script = ['set -euo pipefail', ...commands].join('\n');
  const env = { ...process.env, PATH: READERS_PATH };
  const { stdout } = await promisify(execFile)('bash', ['-c', script], { cwd: dev.folder, env });
  return stdout;
}

beforeAll(async () => {
  [port, receiverPort, workersPort] = [await freePort(), await freePort(), await freePort()];
  pages = {
    actions: await blocksOf('actions.md'),
    wrap: await blocksOf('wrap-an-endpoint.md'),
    call: await blocksOf('call-from-code.md'),
    logs: await blocksOf('job-logs.md'),
    receive: await blocksOf('receive-webhooks.md'),
    command: await blocksOf('errand-command.md'),
    mcp: await blocksOf('mcp.md'),
    workers: await blocksOf('remote-workers.md'),
  };
  const folder = await createDevFolder();
  for (const own of ['examples', 'services']) await symlink(join(ROOT, own), join(folder, own));
  // A caller's packages are those of the repository.
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  await writeFiles(folder, Object.values(pages).flat());
  const command = pages.wrap.find(({ info }) => info === 'sh background')?.text.trim();
  background = spawn('bash', ['-c', `${command?.replace(' python3', ' exec python3')}`], {
    cwd: folder,
    stdio: 'ignore',
  });
  dev = await startDevSystem(folder, ENV);
});
afterAll(async () => {
  background?.kill();
  await dev?.[Symbol.asyncDispose]();
});

test('the page on actions leads to a job that has succeeded', async () => {
  expect(JSON.parse(await runCommands(pages.actions))).toMatchObject({
    status: 'succeeded',
    results: { text: 'Good day, Ada' },
  });
});

test('the file of the page on actions is downloaded as it was made', async () => {
  const { results, results_link } = await dev.run('export_orders', { rows: 2 });
  expect(results).toBeNull();
  expect(results_link).toMatchObject({ content_type: 'text/csv', filename: 'orders.csv', bytes: 22 });
  expect(await dev.download((results_link as { url: string }).url)).toBe('order;price\n1;10\n2;20\n');
});

test('the page on wrapping leads to a quote of the endpoint, and to a survey that is polled', async () => {
  await waitUntil(async () => (await fetch(`http://127.0.0.1:${port}/`)).status === 501);
  const said = (await runCommands(pages.wrap)).replace('}{', '}\n{').split('\n');
  expect(said.map((line) => JSON.parse(line))).toMatchObject([
    { status: 'succeeded', results: { price_eur: 10_200 } },
    { status: 'succeeded', results: { area_m2: 84 } },
  ]);
});

test('the page on calls leads to a result, and to types that the compiler accepts', async () => {
  expect(pages.call.every(({ info }) => /^(sh run|ts file=\S+|text)$/.test(info))).toBe(true);
  const said = await runCommands(pages.call);
  expect(said).toMatch(/JobRequested\n.*JobSucceeded\n.*2026-01-31,\d+\n/s);
  expect(said).toContain(pages.call.find(({ info }) => info === 'text')?.text);
  expect(said.trim().split('\n').at(-1)).toBe('succeeded true');
});

test('the page on webhooks leads to calls that are verified, and each event is handled once', async () => {
  const said = await runCommands(pages.receive);
  expect(JSON.parse(said)).toMatchObject({ outcome: 'delivered', status: 204 });
  const told = (await readFile(join(dev.folder, 'told.txt'), 'utf8')).trim().split('\n');
  expect(told.map((line) => line.split(' ')[0])).toEqual(['webhook.test', 'job.succeeded']);
});

test('the page on the command leads to a job that each of its commands reports', async () => {
  const said = await runCommands(pages.command);
  expect(said).toMatch(/the input is valid\nsucceeded\nTIME [\s\S]*JobRequested[\s\S]*JobSucceeded/);
  expect(said).toMatch(/\norders.csv: \d+ bytes of text\/csv\nJOB [^\n]*\n[^\n]*report_export +succeeded/);
  const shown = pages.command.find(({ text }) => text.includes('looking at a roof {'))?.text;
  const withoutTimes = (text: string) => text.replaceAll(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}/gm, '');
  expect(withoutTimes(said)).toContain(withoutTimes(String(shown)));
  expect(said).toMatch(/\nurl +http:\/\/127.0.0.1:\d+ +\S+\.errand\/local.json\n/);
});

test("the page on a job's log leads to the entries that it shows, at other times", async () => {
  const plain = (json: string) => json.replaceAll(/"id":\d+,|"time":"[^"]*",/g, '');
  const shown = pages.logs.find(({ info }) => info === 'json')?.text ?? '';
  const said = (await runCommands(pages.logs)).trim().split('\n').at(-1) ?? '';
  expect(plain(said)).toBe(plain(shown.trim()));
});

test('the page on MCP leads to tools, to a call that is refused, and to a file', async () => {
  const said = (await runCommands(pages.mcp)).trim().split('\n');
  expect(said).toEqual([
    'report_export from to report_id',
    'get_job job_id wait_s',
    expect.stringMatching(/^true .*"#\/to\\?"/),
    expect.stringMatching(/"status":"succeeded".*"download":.*"filename":"orders.csv"/),
  ]);
});

test('the page on remote workers leads to a job that one has run', async () => {
  const said = (await runCommands(pages.workers)).trim().split('\n');
  expect(JSON.parse(said.at(-1) ?? '')).toMatchObject({ status: 'succeeded', results: { sum: 7 } });
});

test('a refusal by the endpoint ends the job at once, with what callers may see of it', async () => {
  expect(await dev.run('customers/c-1/quote', { size_kw: 101 })).toMatchObject({
    status: 'failed',
    attempt: { number: 1 },
    errors: [{ code: 'endpoint_refused', details: [{ status: 422, answer: [{ field: 'size_kw' }] }] }],
  });
});

test('wrong inputs of a declared action are named before there is a job', async () => {
  const { status, body } = await dev.call('customers/c-1/quote/run', { size_kw: 0 });
  expect(status).toBe(422);
  expect(body.errors).toMatchObject([{ pointer: '#/size_kw', code: 'exclusive_minimum' }]);
});

test('the Python program answers, with progress on the way, and can refuse for good', async () => {
  for (const action of ['primes', 'count_primes']) {
    expect(await dev.run(action, { below: 1_000_000 })).toMatchObject({
      status: 'succeeded',
      results: { primes: 78_498 },
      progress: { percent: 100 },
    });
  }
  expect(await dev.run('count_primes', { below: 13 })).toMatchObject({
    status: 'failed',
    attempt: { number: 1 },
    errors: [{ code: 'unlucky', message: 'Thirteen is refused.' }],
  });
});

test('no log holds the secret of the endpoint', async () => {
  expect(await readFile(join(dev.folder, '.errand', 'logs', 'executor.log'), 'utf8')).not.toContain('s3cret');
});

test.each([
  ['actions.md', 'actions/hello.ts', 'hello/hello.ts'],
  ['actions.md', 'actions/hello.test.ts', 'hello/hello.test.ts'],
  ['actions.md', 'own-executor/main.ts', 'own-executor/main.ts'],
  ['receive-webhooks.md', 'receive.mts', 'receiver/receive.mts'],
  ['wrap-an-endpoint.md', 'actions/actions.yaml', 'http/actions.yaml'],
])('from %s, %s is the example %s', async (page, file, example) => {
  const shown = (await blocksOf(page)).find(({ info }) => info.endsWith(`file=${file}`))?.text;
  const text = await readFile(join(ROOT, 'examples', example), 'utf8');
  expect(shown).toBe(onOwnPorts(text));
});
