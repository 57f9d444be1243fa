import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EXAMPLE_PLACES } from '../../dev/repository.ts';
import { SMALL_DESIGN } from './caller.ts';
import {
  COMMAND,
  type CommandedSystem,
  type Ran,
  runErrand,
  startCommandedSystem,
} from './errand-command.ts';

const UNKNOWN_JOB = '01a20b96-1514-7abb-ac7b-820fd55ab526';
const AT_DESIGN = ['performance_simulation', '--resource', 'design_id=e2e'];

let commanded: CommandedSystem;
let env: CommandedSystem['env'];
let dir: string;
let errand: CommandedSystem['errand'];
let json: CommandedSystem['json'];

beforeAll(async () => {
  const actions = [...EXAMPLE_PLACES, fileURLToPath(new URL('../client/actions.ts', import.meta.url))];
  commanded = await startCommandedSystem('called', { settings: { ERRAND_ACTIONS: actions.join(',') } });
  ({ env, dir, errand, json } = commanded);
  await writeFile(join(dir, 'small.json'), JSON.stringify(SMALL_DESIGN));
});
afterAll(() => commanded?.[Symbol.asyncDispose]());

/** A job that waits for an hour. */
async function runLater(): Promise<string> {
  const { job_id } = await json('run', ...AT_DESIGN, '--input', '@small.json', '--start-after', '1h');
  return job_id as string;
}

const said = ({ code, stdout }: Ran) => [code, stdout];

test('run --wait prints the ended job as JSON when piped, and as text on request', async () => {
  const piped = await errand('run', ...AT_DESIGN, '--input', '@small.json', '--metadata', 'team=a', '--wait');
  expect(piped).toMatchObject({ code: 0, stderr: '' });
  const job = JSON.parse(piped.stdout) as { job_id: string };
  expect(job).toMatchObject({ status: 'succeeded', metadata: { team: 'a' }, resource: { design_id: 'e2e' } });
  const text = await errand('status', job.job_id, '--no-json');
  expect(said(text)).toEqual([0, expect.stringMatching(/^job +01a.*\naction .*\nstatus +succeeded\n/)]);
  expect((await json('wait', job.job_id)).job_id).toBe(job.job_id);
});

test('an input may come from stdin', async () => {
  const args = ['run', ...AT_DESIGN, '--input', '-', '--validate-only', '--no-json'];
  const given = { stdin: JSON.stringify(SMALL_DESIGN) };
  expect(said(await runErrand(env, args, given))).toEqual([0, 'the input is valid\n']);
});

test('each wrong input is named by its pointer on a line of its own, with 3', async () => {
  const input = '{"inverter":{"ac_kw":-1}}';
  const refused = await errand('run', ...AT_DESIGN, '--input', input);
  expect(refused.code).toBe(3);
  expect(refused.stderr.split('\n').slice(1)).toEqual([
    '  #/location  is required (required)',
    '  #/arrays  is required (required)',
    '  #/inverter/ac_kw  must be >= 0.001 (minimum)',
    '',
  ]);
  expect(JSON.parse(refused.stdout)).toMatchObject({ error: { code: 'invalid_input', status: 422 } });
  const checked = await errand('run', ...AT_DESIGN, '--input', input, '--validate-only', '--no-json');
  expect(said(checked)).toEqual([3, expect.stringContaining('\n  #/inverter/ac_kw  must be')]);
});

test('a nearly right name is answered with the right one', async () => {
  const action = await errand('run', 'performance_simulaton', '--no-json');
  expect([action.code, action.stderr]).toEqual([
    4,
    expect.stringContaining('did you mean performance_simulation?'),
  ]);
  const parameter = await errand('run', 'performance_simulation', '--no-json');
  expect([parameter.code, parameter.stderr]).toEqual([2, expect.stringContaining('--resource design_id=…')]);
  expect((await errand('statuus', UNKNOWN_JOB)).stderr).toContain('Did you mean status?');
});

test('the same idempotency key is the same job', async () => {
  const args = ['run', ...AT_DESIGN, '--input', '@small.json', '--idempotency-key', 'once'];
  expect((await json(...args)).job_id).toBe((await json(...args)).job_id);
});

test('waiting too long ends with 5, and the job continues until it is canceled', async () => {
  const jobId = await runLater();
  const late = await errand('wait', jobId, '--timeout', '300ms');
  expect([late.code, JSON.parse(late.stdout)]).toMatchObject([5, { error: { code: 'wait_timeout' } }]);
  expect(await json('cancel', jobId, '--reason', 'a test')).toMatchObject({ kind: 'canceled' });
  expect((await errand('wait', jobId)).code).toBe(1);
  expect((await errand('result', jobId)).code).toBe(1);
  const { job_id: done } = JSON.parse(
    (await errand('run', ...AT_DESIGN, '--input', '@small.json', '--wait')).stdout,
  ) as { job_id: string };
  const tooLate = await errand('cancel', done, '--no-json');
  expect(said(tooLate)).toEqual([1, expect.stringContaining('too late')]);
});

test('retry, result, events, jobs and feed show what has happened', async () => {
  const first = JSON.parse(
    (await errand('run', ...AT_DESIGN, '--input', '@small.json', '--wait')).stdout,
  ) as {
    job_id: string;
    results: unknown;
  };
  const again = JSON.parse((await errand('retry', first.job_id, '--wait')).stdout) as Record<string, unknown>;
  expect(again).toMatchObject({ status: 'succeeded', retry_of: first.job_id });

  expect(JSON.parse((await errand('result', first.job_id)).stdout)).toEqual(first.results);
  expect(await json('result', first.job_id, '--out', 'r.json')).toMatchObject({ file: 'r.json' });
  expect(JSON.parse(await readFile(join(dir, 'r.json'), 'utf8'))).toEqual(first.results);

  const { events } = await json<{ events: { type: string }[] }>('events', first.job_id);
  expect([events[0]?.type, events.at(-1)?.type]).toEqual(['JobRequested', 'JobSucceeded']);
  const followed = await errand('events', first.job_id, '--follow', '--json');
  expect(
    followed.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).type),
  ).toEqual(events.map(({ type }) => type));
  expect((await errand('events', first.job_id)).stdout).toMatch(/^TIME +VERSION +EVENT\n.* JobRequested/);

  const listed = () => json<{ jobs: { job_id: string }[] }>('jobs', '--status', 'succeeded', '--limit', '2');
  await waitUntil(async () => (await listed()).jobs[0]?.job_id === again.job_id);
  expect((await listed()).jobs).toHaveLength(2);
  expect((await errand('jobs')).stdout).toMatch(/^JOB +ACTION +STATUS/);
  expect((await errand('jobs', '--metadata', 'team=nobody')).stdout).toBe('no jobs\n');

  const page = await waitUntil(async () => {
    const seen = await json<{ events: { job_id: string }[]; next: string }>('feed');
    return seen.events.at(-1)?.job_id === again.job_id ? seen : undefined;
  });
  expect(await json('feed', '--after', page.next)).toMatchObject({ events: [] });
  expect((await errand('feed', '--limit', '1')).stdout).toMatch(/^FINISHED[^\n]*\n[^\n]+\n\nnext page: /);
});

test('logs tells what a job says while it runs, and all of it afterwards', async () => {
  const gate = join(dir, 'gate');
  const input = JSON.stringify({ says: ['first \u001b[2J\nline'], failures: 1, gate });
  const { job_id: jobId } = await json<{ job_id: string }>('run', 'talk', '--input', input);
  const child = spawn(process.execPath, [COMMAND, 'logs', jobId, '-f'], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'close');
  const lines: string[] = [];
  try {
    for await (const line of createInterface(child.stdout)) {
      lines.push(line);
      if (line.includes('attempt 2  output')) await writeFile(gate, '');
      if (line.includes('the gate is open')) await json('cancel', jobId);
    }
  } finally {
    child.kill();
  }
  expect(await exited).toEqual([0, null]);
  expect(lines.map((line) => line.replace(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d /, ''))).toEqual([
    ' first  [2J line {"place":0}',
    ' output: {"part":"ä€🎉"}',
    ' attempt 2  first  [2J line {"place":0}',
    ' attempt 2  output: {"part":"ä€🎉"}',
    ' attempt 2  the gate is open',
  ]);

  expect(said(await errand('logs', jobId))).toEqual([0, `${lines.join('\n')}\n`]);
  const { entries } = await json<{ entries: { id: number }[] }>('logs', jobId);
  expect(entries.slice(0, 2)).toMatchObject([
    { attempt: 1, type: 'log', number: 1, message: 'first \u001b[2J\nline', fields: { place: 0 } },
    { attempt: 1, type: 'output', number: 2, value: { part: 'ä€🎉' } },
  ]);
  const followed = await errand('logs', jobId, '--follow', '--json', '--after', String(entries[1]?.id));
  const told = followed.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(told).toEqual(entries.slice(2));
});

test('logs of a missing job ends with 4, and with 2 for a key that may not read them', async () => {
  const { api_key: key } = await json('keys', 'create', 'no logs', '--scopes', 'jobs:read');
  for (const how of [[], ['--follow']]) {
    expect((await errand('logs', UNKNOWN_JOB, ...how)).code).toBe(4);
    const refused = await runErrand({ ...env, ERRAND_API_KEY: String(key) }, ['logs', UNKNOWN_JOB, ...how]);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('logs:read')]);
  }
});

test('retry --edit asks for what an editor leaves, and for nothing if that fails', async () => {
  const job = await json('run', ...AT_DESIGN, '--input', '@small.json', '--wait');
  const retry = (editor: string, ...more: string[]) =>
    runErrand({ ...env, EDITOR: editor }, ['retry', String(job.job_id), '--edit', ...more]);
  const { stdout } = await retry(`sed -i -e 's/"dc_kw": 4/"dc_kw": 5/'`, '--wait', '--json');
  const again = JSON.parse(stdout) as { job_id: string; retry_of: string };
  expect(again).toMatchObject({ status: 'succeeded', retry_of: job.job_id });
  const { arrays } = JSON.parse((await errand('input', again.job_id)).stdout) as typeof SMALL_DESIGN;
  expect(arrays).toEqual(SMALL_DESIGN.arrays.map((each) => ({ ...each, dc_kw: 5 })));
  for (const [editor, said] of [
    ['false', 'false ended with 1; nothing was asked for'],
    ['truncate -s 3', 'the edited input'],
    ['', 'set EDITOR to the program to edit with'],
  ] as const) {
    const failed = await retry(editor);
    expect([editor, failed.code, failed.stderr]).toEqual([editor, 2, expect.stringContaining(said)]);
  }
  const retries = async () => {
    const { jobs } = await json<{ jobs: { retry_of?: string }[] }>('jobs');
    return jobs.filter(({ retry_of }) => retry_of === job.job_id);
  };
  // The list follows the log.
  await waitUntil(async () => (await retries()).length > 0);
  expect(await retries()).toHaveLength(1);
});

test('stats counts what the listed jobs did', async () => {
  const statuses = ['succeeded', 'failed', 'canceled', 'expired'];
  // Both follow the log, and neither follows the other.
  await waitUntil(async () => {
    const { jobs } = await json<{ jobs: { status: string }[] }>('jobs', '--limit', '200');
    const { totals } = await json<{ totals: Record<string, number> }>('stats');
    expect(totals).toMatchObject({
      requested: jobs.length,
      ...Object.fromEntries(
        statuses.map((status) => [status, jobs.filter((job) => job.status === status).length]),
      ),
    });
    return true;
  });
  const text = async () =>
    (await errand('stats', '--from', '3d', '--action', 'performance_simulation')).stdout;
  await expect
    .poll(text)
    .toMatch(/^now: \d+ queued.*, 0 running\n.*\n\nHOUR +REQUESTED +SUCCEEDED[\s\S]*\nall +\d/);
});

test('actions lists them and shows what one takes', async () => {
  const { actions } = await json<{ actions: { name: string }[] }>('actions');
  expect(actions.map(({ name }) => name)).toContain('performance_simulation');
  expect((await errand('actions')).stdout).toContain('\nperformance_simulation   designs/{design_id}');
  expect((await errand('actions', 'performance_simulation')).stdout).toMatch(/\nlocation +object +required/);
  expect((await errand('actions', 'performance')).code).toBe(4);
});

test('a missing job ends with 4, a refused key and an unreachable gateway with 2', async () => {
  expect((await errand('status', UNKNOWN_JOB)).code).toBe(4);
  expect((await runErrand({ ...env, ERRAND_API_KEY: 'wrong' }, ['jobs'])).stderr).toContain(
    'refused the API key',
  );
  const away = await runErrand({ ...env, ERRAND_URL: 'http://127.0.0.1:1' }, ['jobs']);
  expect([away.code, away.stderr]).toEqual([
    2,
    expect.stringContaining('http://127.0.0.1:1 cannot be reached'),
  ]);
});
