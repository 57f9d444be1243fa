import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { createClient } from './client.ts';
import { createGateway } from './gateway.ts';
import { runCommand } from './run-command.ts';

async function run(args: string[], env: Record<string, string> = {}) {
  const stdout = new PassThrough();
  const said: string[] = [];
  const code = await runCommand(args, {
    gateway: () => createGateway(env),
    client: (place) => createClient(env, place),
    stdout,
    say: (line) => said.push(line),
  });
  stdout.end();
  return { code, said: said.join('\n'), out: String(stdout.read() ?? '') };
}

test('--help says how it is used; nothing at all is answered the same, as a mistake', async () => {
  expect(await run(['--help'])).toMatchObject({ code: 0, out: expect.stringContaining('usage: errand') });
  expect(await run([])).toMatchObject({ code: 2, out: expect.stringContaining('usage: errand') });
});

test.each([
  [['fly'], 'there is no command fly'],
  [['audit'], 'there is no command audit'],
  [['verify', '--wait'], 'verify has no option --wait'],
  [['verify', 'all'], 'verify takes 0 more words'],
  [['audit', 'check'], 'audit check takes 1 more words'],
  [['verify', '--colour'], '--colour'],
])('%j is refused with its reason', async (args, reason) => {
  const { code, said } = await run(args, { ERRAND_URL: 'http://127.0.0.1:1', ERRAND_ADMIN_KEY: 'k' });
  expect([code, said]).toEqual([2, expect.stringContaining(reason)]);
});

test('what is missing of its world is named', async () => {
  expect((await run(['verify'])).said).toContain('ERRAND_URL');
  expect((await run(['verify'], { ERRAND_URL: 'http://127.0.0.1:1' })).said).toContain('ERRAND_ADMIN_KEY');
  const url = 'http://127.0.0.1:1';
  expect((await run(['types'])).said).toContain('--url');
  expect((await run(['types', '--url', url])).said).toContain('--tenant');
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
