import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import manifest from '../package.json' with { type: 'json' };
import { run } from '../test/command.ts';
import { startTestGateway } from '../test/gateway.ts';

test('--help shows the usage; no arguments show the same, as a mistake', async () => {
  expect(await run(['--help'])).toMatchObject({ code: 0, out: expect.stringContaining('usage: errand') });
  expect(await run([])).toMatchObject({ code: 2, out: expect.stringContaining('usage: errand') });
});

test.each([
  [['fly'], "unknown command 'fly'"],
  [['verfy'], 'Did you mean verify?'],
  [['audit', 'chekc'], 'Did you mean check?'],
  [['audit'], 'usage: errand audit'],
  [['verify', '--wait'], "unknown option '--wait'"],
  [['verify', '--tenat', 'a'], 'Did you mean --tenant?'],
  [['verify', 'all'], "too many arguments for 'verify'"],
  [['audit', 'check'], "missing required argument 'file'"],
  [['wait', 'soon'], 'It must be a job id'],
  [['run', 'hello', '--metadata', 'blue'], 'It must be name=value'],
  [['run', 'hello', '--start-after', 'soon'], 'It must be a time such as'],
  [['run', 'hello', '--webhook-results'], '--webhook-results needs --webhook-url'],
  [['jobs', '--limit', 'many'], 'It must be a whole number'],
  [['jobs', '--limit', '0'], 'It must be a whole number of at least 1'],
  [['jobs', '--status', 'running,done'], 'Allowed choices are queued, running, succeeded'],
  [['jobs', '--created-after', '2026-02-31T00:00Z'], 'It must be a time such as'],
  [['listen', '--port', '99999'], 'It must be a whole number from 0 to 65535'],
  [['webhooks', 'show', '.'], 'It is not a valid name'],
  [['actions', '..'], 'It is not a valid name'],
  [['run', '..'], 'It is not a valid name'],
  [['dead-letters', 'redrive', 'x'], 'It must be a whole number of at least 1'],
  [['audit', 'check', '/tmp'], '/tmp cannot be read'],
  [['config', 'get', 'colour'], 'Allowed choices are url, admin_url, tenant, api_key, admin_key'],
])('%j is refused with its reason', async (args, reason) => {
  const { code, said } = await run(args, { ERRAND_URL: 'http://127.0.0.1:1', ERRAND_ADMIN_KEY: 'k' });
  expect([code, said]).toEqual([2, expect.stringContaining(reason)]);
});

test('whatever the command lacks is named', async () => {
  expect((await run(['verify'])).said).toContain('ERRAND_URL');
  expect((await run(['verify'], { ERRAND_URL: 'http://127.0.0.1:1' })).said).toContain('ERRAND_ADMIN_KEY');
  const url = 'http://127.0.0.1:1';
  expect((await run(['types'])).said).toContain('ERRAND_URL');
  expect((await run(['types', '--url', url])).said).toContain('ERRAND_TENANT');
  expect((await run(['types'], { ERRAND_URL: url, ERRAND_TENANT: 't' })).said).toContain('ERRAND_API_KEY');
  const unreachable = await run(['verify'], { ERRAND_URL: 'http://127.0.0.1:1', ERRAND_ADMIN_KEY: 'k' });
  expect(unreachable).toMatchObject({ code: 2, said: expect.stringContaining('cannot be reached') });
  expect(await run(['audit', 'check', '/nowhere/file'])).toMatchObject({
    code: 2,
    said: expect.stringContaining('/nowhere/file cannot be read'),
  });
});

test('a file that is not an export is recognized by its first line', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'errand-cli-'));
  try {
    const file = join(dir, 'a.ndjson');
    await writeFile(file, '{"export":{}}\n');
    expect(await run(['audit', 'check', file])).toMatchObject({
      code: 1,
      out: expect.stringMatching(/^line 1: /),
    });
    const { out } = await run(['audit', 'check', file, '--json']);
    expect(JSON.parse(out)).toMatchObject({ kind: 'broken', line: 1 });
  } finally {
    await rm(dir, { recursive: true });
  }
});

test('it says which version it is', async () => {
  expect(await run(['--version'])).toEqual({ code: 0, said: '', out: `${manifest.version}\n` });
  expect(JSON.parse((await run(['version', '--json'])).out)).toEqual({ version: manifest.version });
});

test('wrong usage is JSON too where JSON is wanted', async () => {
  const { code, out } = await run(['wait', 'soon', '--json']);
  expect([code, JSON.parse(out)]).toEqual([
    2,
    { error: { code: 'wrong_usage', detail: expect.stringContaining('It must be a job id') } },
  ]);
});

test('a parameter that cannot be part of a path is wrong usage, not an unexpected error', async () => {
  const env = { ERRAND_URL: 'http://127.0.0.1:1', ERRAND_TENANT: 't', ERRAND_API_KEY: 'k' };
  const { code, out } = await run(['run', 'shout', '--resource', 'bed=..', '--json'], env);
  expect([code, JSON.parse(out)]).toMatchObject([
    2,
    { error: { code: 'usage_error', detail: '".." cannot be part of a path' } },
  ]);
});

test('an unexpected error is one line and 2, and its stack is there for those who ask for it', async () => {
  // The answer is JSON, but not what the API says.
  await using gateway = await startTestGateway({
    'GET /v2/tenants/t/actions': { body: { actions: [null] } },
  });
  const told = await run(['actions', '--json'], gateway.env);
  expect([told.code, JSON.parse(told.out)]).toMatchObject([2, { error: { code: 'unexpected' } }]);
  expect(told.said).toMatch(/^errand: .* \(ERRAND_DEBUG=1 shows where\)\n$/);
  expect((await run(['actions'], { ...gateway.env, ERRAND_DEBUG: '1' })).said).toMatch(
    /\n +at \w+.*actions\.ts/,
  );
});

const FULL = '/dev/full';

test.skipIf(!existsSync(FULL))('an answer that cannot be written is reported, and ends with 2', async () => {
  const main = join(import.meta.dirname, 'main.ts');
  const script = `"$0" "$1" config path > ${FULL}`;
  const ran = promisify(execFile)('bash', ['-c', script, process.execPath, main]);
  await expect(ran).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^errand: cannot write the output: .*\n$/),
  });
});
