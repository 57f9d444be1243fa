import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { runCommand } from './run-command.ts';

function written(stream: PassThrough): string {
  let text = '';
  for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) text += String(chunk);
  return text;
}

async function run(args: string[], env: Record<string, string> = {}) {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const code = await runCommand(args, {
    ...{ env: { HOME: '/nowhere', ...env }, folder: '/nowhere', stdin: Readable.from([]), stdout, stderr },
    ...{ columns: undefined, signal: new AbortController().signal, now: () => 0 },
  });
  return { code, said: written(stderr), out: written(stdout) };
}

test('--help says how it is used; nothing at all is answered the same, as a mistake', async () => {
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
  [['wait', 'soon'], 'It must be the id of a job'],
  [['run', 'hello', '--metadata', 'blue'], 'It must be name=value'],
  [['run', 'hello', '--start-after', 'soon'], 'It must be a time such as'],
  [['jobs', '--limit', 'many'], 'It must be a whole number'],
  [['config', 'get', 'colour'], 'Allowed choices are url, tenant, api_key, admin_key'],
])('%j is refused with its reason', async (args, reason) => {
  const { code, said } = await run(args, { ERRAND_URL: 'http://127.0.0.1:1', ERRAND_ADMIN_KEY: 'k' });
  expect([code, said]).toEqual([2, expect.stringContaining(reason)]);
});

test('what is missing of its world is named', async () => {
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

test('a file that is no export is told by its first line', async () => {
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
