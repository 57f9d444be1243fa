import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { COMMAND } from './errand-command.ts';

/*
 * The scripts in real shells. The server tries to make the shell run the names of its actions.
 */

const run = promisify(execFile);

let dir: string;
let server: Server;
let env: Record<string, string>;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'errand-completion-'));
  const evil = [
    `$(touch ${dir}/ran)`,
    `\`touch ${dir}/ran\``,
    `a;touch ${dir}/ran`,
    `a\ntouch ${dir}/ran`,
    "a'b",
  ];
  const actions = [
    ...evil.map((name) => ({ name, resource: `x/{a}/$(touch ${dir}/ran)` })),
    { name: 'paint', resource: 'rooms/{room_id}/walls/{wall}' },
    { name: 'print', resource: '' },
  ];
  server = createServer((_, response) => response.end(JSON.stringify({ actions })));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await mkdir(join(dir, 'bin'));
  const script = `#!/bin/sh\nexec '${process.execPath}' '${COMMAND}' "$@"\n`;
  await writeFile(join(dir, 'bin', 'errand'), script, { mode: 0o755 });
  await writeFile(join(dir, 'input.json'), '{}');
  env = {
    ERRAND_URL: url,
    ERRAND_TENANT: 't',
    ERRAND_API_KEY: 'k',
    HOME: dir,
    XDG_CONFIG_HOME: dir,
    PATH: `${join(dir, 'bin')}:${process.env.PATH}`,
  };
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(dir, { recursive: true });
});

/** Each prints the possible completions of the last word, one per line. */
const SHELLS = {
  bash: `eval "$(errand completion bash)"
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _errand errand "\${@: -1}"; printf '%s\\n' "\${COMPREPLY[@]}"`,
  // Its own completion runs only in a line editor: these stand for what its functions do there.
  zsh: `compdef() {}
compadd() { [[ $1 == -S ]] && shift 2; print -rl -- "\${(@P)2}" }
compset() { PREFIX=\${PREFIX#@} }
_files() { print -rl -- $PREFIX*(N) }
eval "$(errand completion zsh)"
words=("$@"); CURRENT=$#; PREFIX="\${words[-1]}"; _errand`,
  fish: `errand completion fish | source; complete -C (string join ' ' -- $argv)`,
} as const;

type Shell = keyof typeof SHELLS;
const NAMES = Object.keys(SHELLS) as Shell[];

async function isThere(shell: Shell): Promise<boolean> {
  return run(shell, ['-c', 'true'], { env }).then(
    () => true,
    () => false,
  );
}

async function completions(
  shell: Shell,
  words: readonly string[],
  over: Readonly<Record<string, string>> = {},
): Promise<string[]> {
  const args = { bash: ['--norc', '-c'], zsh: ['-f', '-c'], fish: ['--no-config', '-c'] }[shell];
  const given = shell === 'fish' ? words : [shell, ...words];
  const { stdout } = await run(shell, [...args, SHELLS[shell], ...given], {
    env: { ...env, ...over },
    cwd: dir,
  });
  return stdout.split('\n').filter((line) => line !== '');
}

test.for(NAMES)(
  '%s completes commands, choices, settings, parameters and names, and runs nothing',
  async (shell, { skip }) => {
    skip(!(await isThere(shell)), `there is no ${shell} on this machine`);
    const at = (...words: string[]) => completions(shell, ['errand', ...words]);
    expect((await at('webhooks', 're')).sort()).toEqual(['redeliver', 'replay', 'replays', 'resume']);
    expect(await at('jobs', '--status', 'queued,su')).toEqual(['queued,succeeded']);
    expect((await at('config', 'set', '')).sort()).toEqual([
      'admin_key',
      'admin_url',
      'api_key',
      'tenant',
      'url',
    ]);
    expect((await at('run', 'paint', '--resource', '')).sort()).toEqual(['room_id=', 'wall=']);
    expect((await at('run', '')).sort()).toEqual(['paint', 'print']);
    await expect(access(join(dir, 'ran'))).rejects.toThrow('ENOENT');
  },
);

test.for(NAMES)('%s treats whatever it gets as a word', async (shell, { skip }) => {
  skip(!(await isThere(shell)), `there is no ${shell} on this machine`);
  const told = [`$(touch ${dir}/ran)`, `\`touch ${dir}/ran\``, 'a*', "b'c"];
  const bin = join(dir, `bin-${shell}`);
  await mkdir(bin);
  const lines = told.map((each) => `'${each.replaceAll("'", "'\\''")}'`).join(' ');
  const script = `#!/bin/sh\nif [ "$1" = complete ]; then printf '%s\\n' ${lines}; else exec '${join(dir, 'bin', 'errand')}' "$@"; fi\n`;
  await writeFile(join(bin, 'errand'), script, { mode: 0o755 });
  const found = await completions(shell, ['errand', 'run', ''], { PATH: `${bin}:${env.PATH}` });
  expect(found.sort()).toEqual(told.sort());
  await expect(access(join(dir, 'ran'))).rejects.toThrow('ENOENT');
});

test.for(NAMES)('%s completes files after an @', async (shell, { skip }) => {
  skip(!(await isThere(shell)), `there is no ${shell} on this machine`);
  const found = await completions(shell, ['errand', 'run', 'print', '--input', '@inp']);
  expect(found.map((each) => each.replace(/^@/, ''))).toEqual(['input.json']);
});
