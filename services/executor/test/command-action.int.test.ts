import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestFile, runOnce, type TestFile } from './declarations.ts';

let file: TestFile;
beforeAll(async () => {
  file = await createTestFile({ SEEN: 'yes', UNSEEN: 'no' });
});
afterAll(() => file[Symbol.asyncDispose]());

/** An action that runs a script of the shell. */
function script(text: string, ...more: string[]) {
  return file.one(`actions:
  work:
    command:
      argv: [sh, -c, ${JSON.stringify(text)}]
${more.map((line) => `      ${line}`).join('\n')}
`);
}

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

test('a command reads the job on stdin and writes its result to stdout', async () => {
  const { result } = runOnce(await script('cat'), {
    jobId: 'job-1',
    input: { n: 1 },
    resource: { id: 'r' },
    attempt: 2,
  });
  expect(await result).toEqual({
    job_id: 'job-1',
    tenant_id: 'acme',
    attempt: 2,
    resource: { id: 'r' },
    metadata: {},
    input: { n: 1 },
  });
});

test('a command that reads nothing may be sent much', async () => {
  expect(await runOnce(await script('echo 1'), { input: { text: 'x'.repeat(1_000_000) } }).result).toBe(1);
});

test('lines with a percentage are progress, those with an output partial results, others are logged', async () => {
  const text = `printf '{"percent": 40, "message": "halfway"}\\nhello\\n{"a":1}\\n{"output":{"n":[1]}}\\n{"percent":50}' >&2; echo null`;
  const run = runOnce(await script(text));
  expect(await run.result).toBeNull();
  expect(run.progress).toEqual([{ percent: 40, message: 'halfway' }, { percent: 50 }]);
  expect(run.outputs).toEqual([{ n: [1] }]);
  expect(run.logged.map(({ message }) => message)).toEqual(['hello', '{"a":1}']);
});

test('a flood of lines is read, and the log is spared', async () => {
  const run = runOnce(await script('yes | head -n 5000 >&2; printf %0100000d 1 >&2; echo 1'));
  expect(await run.result).toBe(1);
  expect(run.logged).toHaveLength(1_001);
});

test('the environment holds PATH and what was asked for', async () => {
  const action = await script('echo "[\\"$SEEN\\",\\"$UNSEEN\\",\\"$PWD\\"]"', 'env: [SEEN]');
  expect(await runOnce(action).result).toEqual(['yes', '', file.folder]);
});

test('the exit code for good makes a permanent error of what was written', async () => {
  const said = '{"code":"too_steep","message":"Too steep.","details":[1]}';
  await expect(runOnce(await script(`echo '${said}'; exit 65`)).result).rejects.toMatchObject({
    name: 'PermanentError',
    code: 'too_steep',
    message: 'Too steep.',
    details: [1],
  });
  const other = await script('exit 9', 'permanent_exit_code: 9');
  await expect(runOnce(other).result).rejects.toMatchObject({ code: 'command_refused' });
});

test('details that would be too much for an event are left out', async () => {
  const said = `printf '{"code":"too_steep","details":["'; printf %0100000d 1; echo '"]}'; exit 65`;
  const { result } = runOnce(await script(said));
  await expect(result).rejects.toMatchObject({ code: 'too_steep', details: [] });
});

test.each([
  [
    'another exit code',
    'echo oh no >&2; exit 3',
    { name: 'Error', message: 'the command ended with code 3: oh no' },
  ],
  ['a signal', 'kill -9 $$', { name: 'Error', message: 'the command ended with SIGKILL: ' }],
  [
    'what is no JSON',
    'echo hello',
    { code: 'invalid_output', cause: expect.stringMatching(/^#: its 6 bytes on stdout are not JSON: /) },
  ],
  ['what is not UTF-8', `printf '{"name":"M\\374ller"}'`, { message: "The command's result is not UTF-8." }],
  [
    'a reason that is not UTF-8',
    `printf '{"code":"too_steep","message":"M\\374ller"}'; exit 65`,
    { code: 'command_refused' },
  ],
  ['what is nested too deep', 'yes [ | head -n 5000; yes ] | head -n 5000', { code: 'invalid_output' }],
  ['too much output', 'yes', { code: 'output_too_large', details: [{ max_output_bytes: 1_048_576 }] }],
])('%s is an error', async (_, text, error) => {
  await expect(runOnce(await script(text)).result).rejects.toMatchObject(error);
});

test('a program that is not there is an error', async () => {
  const action = await file.one('actions: { a: { command: { argv: [no-such-program] } } }');
  await expect(runOnce(action).result).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a stop ends the whole group, also what does not want to end', async () => {
  const pids = join(file.folder, 'pids');
  const text = `trap '' TERM; (trap '' TERM; sleep 600) & echo "$$ $!" > ${pids}; echo '{"percent":1}' >&2; sleep 600 & wait; wait`;
  const stop = new AbortController();
  const run = runOnce(await script(text, 'kill_grace_s: 0.2'), { signal: stop.signal });
  const failed = expect(run.result).rejects.toMatchObject({ message: 'the command ended with SIGKILL: ' });
  await waitUntil(() => run.progress.length > 0);
  const found = (await readFile(pids, 'utf8')).trim().split(' ').map(Number);
  expect(found.map(isAlive)).toEqual([true, true]);
  stop.abort();
  await failed;
  await waitUntil(() => !found.some(isAlive));
});

test('what a command leaves running ends with it', async () => {
  const pidFile = join(file.folder, 'left');
  expect(await runOnce(await script(`sleep 600 & echo $! > ${pidFile}; echo 1`)).result).toBe(1);
  const pid = Number(await readFile(pidFile, 'utf8'));
  await waitUntil(() => !isAlive(pid));
});

/** A group whose leader ends at SIGTERM, and a child in it that takes this for it. */
async function stoppedWithChild(onTerm: string, graceS: number) {
  const pids = join(file.folder, 'pids-of-two');
  const written = join(file.folder, 'written');
  // It says that it is there once its leader has written who they are, and has told it so.
  const child = `trap ${JSON.stringify(onTerm)} TERM; read _ < ${written}; echo '{"percent":1}' >&2; while :; do sleep 0.02; done`;
  await writeFile(join(file.folder, 'child.sh'), child);
  const stop = new AbortController();
  const action = await script(
    `rm -f ${written}; mkfifo ${written}; sh child.sh & echo "$$ $!" > ${pids}; echo > ${written}; wait`,
    `kill_grace_s: ${graceS}`,
  );
  const run = runOnce(action, { signal: stop.signal });
  const ended = expect(run.result).rejects.toMatchObject({
    message: expect.stringMatching(/ended with SIGTERM/),
  });
  await waitUntil(() => run.progress.length > 0);
  const [leader = 0, other = 0] = (await readFile(pids, 'utf8')).trim().split(' ').map(Number);
  stop.abort();
  await waitUntil(() => !isAlive(leader));
  return { run, ended, other };
}

test('what a stopped command has started may use the grace after its leader has ended, and is heard', async () => {
  const go = join(file.folder, 'go');
  const cleanUp = `while [ ! -e ${go} ]; do sleep 0.02; done; echo cleaned >&2; exit`;
  const { run, ended, other } = await stoppedWithChild(cleanUp, 20);
  expect(isAlive(other)).toBe(true);
  await writeFile(go, '');
  await ended;
  expect(run.logged.map(({ message }) => message)).toContain('cleaned');
  expect(isAlive(other)).toBe(false);
});

test('what outlives its leader and the grace is killed', async () => {
  const { ended, other } = await stoppedWithChild('', 0.2);
  await ended;
  await waitUntil(() => !isAlive(other));
});

test.each([
  ['its result', 'process.stdout.write(said)', { value: { done: true } }],
  ['its last words', 'process.stderr.write("oh no"), process.exitCode = 3', { reason: /code 3: oh no$/ }],
])('a command has ended, with %s, although what left its group holds its output', async (_, end, outcome) => {
  const code = `const { spawn } = require('node:child_process');
    const left = spawn('sleep', ['600'], { detached: true, stdio: 'inherit' });
    left.unref();
    const said = JSON.stringify({ done: true });
    process.stderr.write(JSON.stringify({ percent: 0, message: String(left.pid) }) + '\\n');
    ${end}`;
  const pipes = () => process.getActiveResourcesInfo().filter((kind) => kind === 'PipeWrap').length;
  const before = pipes();
  const argv = JSON.stringify([process.execPath, '-e', code]);
  const run = runOnce(await file.one(`actions: { a: { command: { argv: ${argv} } } }`));
  const [ended] = await Promise.allSettled([run.result]);
  const left = Number(run.progress[0]?.message);
  try {
    expect(isAlive(left)).toBe(true);
    expect(ended).toMatchObject(
      'reason' in outcome ? { reason: { message: expect.stringMatching(outcome.reason) } } : outcome,
    );
    await waitUntil(() => pipes() === before);
  } finally {
    process.kill(left);
  }
});

/** Runs a module in a process of its own, with `action`, which copies its input, and what is written by it last. */
async function inProcess(prefix: string, code: string): Promise<unknown> {
  const source = `import { closeSync, openSync } from 'node:fs';
    import { createTestFile, runOnce } from ${JSON.stringify(new URL('./declarations.ts', import.meta.url).href)};
    await using file = await createTestFile();
    const action = await file.one('actions: { a: { command: { argv: [cat], kill_grace_s: 0.1 } } }');
    ${code}`;
  const words = ['-c', `${prefix} exec "$0" --input-type=module -e "$1"`, process.execPath, source];
  return JSON.parse((await promisify(execFile)('sh', words)).stdout);
}

test('a process that can open nothing more fails attempts, and runs others later', async () => {
  const code = `const open = [];
    try { for (;;) open.push(openSync('/dev/null')); } catch {}
    const { name, code } = await runOnce(action).result.catch((error) => error);
    open.forEach((fd) => closeSync(fd));
    const { attempt } = await runOnce(action, { attempt: 2 }).result;
    console.log(JSON.stringify({ name, code, attempt }));`;
  expect(await inProcess('ulimit -n 100;', code)).toEqual({ name: 'Error', code: 'EMFILE', attempt: 2 });
});

test('progress that is not UTF-8 is none, and the log says so of what it shows', async () => {
  const text = `printf '{"percent":1,"message":"M\\374ller"}\\n' >&2; printf 'M\\303\\274ller\\n' >&2; echo 1`;
  const run = runOnce(await script(text));
  await run.result;
  expect(run.progress).toEqual([]);
  expect(run.logged).toEqual([
    { message: '{"percent":1,"message":"M\ufffdller"}', fields: { is_utf8: false } },
    { message: 'M\u00fcller' },
  ]);
});

test('a line that is too long is cut between two characters', async () => {
  const run = runOnce(await script(`yes é | head -n 20000 | tr -d '\\n' >&2; echo >&2; echo 1`));
  await run.result;
  const lines = run.logged.map(({ message }) => message);
  expect(lines.every((line) => /^é+$/.test(line) && Buffer.byteLength(line) <= 16_384)).toBe(true);
});
