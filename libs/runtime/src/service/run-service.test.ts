import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, expect, test } from 'vitest';

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** A service whose stdout is the pipe or the file; resolves once it has logged more than a pipe holds. */
async function startNoisy(
  stdout: 'pipe' | number,
  onStart = (_: ChildProcess) => {},
  args: readonly string[] = [],
) {
  const file = join(import.meta.dirname, '..', '..', 'test', 'noisy-service.ts');
  const child = spawn(process.execPath, [file, ...args], {
    stdio: ['ignore', stdout, 'pipe'],
  });
  children.push(child);
  onStart(child);
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const said: string[] = [];
  const up = Promise.withResolvers<void>();
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    said.push(chunk);
    if (said.join('').includes('much')) up.resolve();
  });
  await up.promise;
  return {
    child,
    said,
    async stop() {
      child.kill('SIGTERM');
      return (await exited)[0];
    },
  };
}

test('a service whose stdout nobody reads stops when it is told to', async () => {
  const { said, stop } = await startNoisy('pipe');
  expect(await stop()).toBe(0);
  expect(said.join('')).toBe('up\nmuch\ndisposed\n');
});

test('a service whose stdout is closed keeps working, and stops when it is told to', async () => {
  const { child, said, stop } = await startNoisy('pipe', ({ stdout }) => stdout?.destroy());
  expect(child.exitCode).toBeNull();
  expect(await stop()).toBe(0);
  expect(said.join('')).toBe('up\nmuch\ndisposed\n');
});

test.skipIf(process.platform !== 'linux')(
  'a service whose stdout is on a full disk works on, and stops when it is told to',
  async () => {
    const full = await open('/dev/full', 'w');
    const { child, said, stop } = await startNoisy(full.fd);
    expect(child.exitCode).toBeNull();
    expect(await stop()).toBe(0);
    expect(said.join('')).toBe('up\nmuch\ndisposed\n');
    await full.close();
  },
);

test('the last lines logged come out, whether stdout is a pipe or a file', async () => {
  let output = Promise.resolve('');
  // Less than what may wait for the reader, so that nothing is dropped.
  const piped = await startNoisy(
    'pipe',
    (child) => {
      if (child.stdout) output = text(child.stdout);
    },
    ['4'],
  );
  expect(await piped.stop()).toBe(0);
  const dir = await mkdtemp(join(tmpdir(), 'errand-log-'));
  const file = await open(join(dir, 'log'), 'a');
  expect(await (await startNoisy(file.fd)).stop()).toBe(0);
  for (const log of [await output, await readFile(join(dir, 'log'), 'utf8')]) {
    const lines = log.trimEnd().split('\n').slice(-2);
    expect(lines.map((line) => JSON.parse(line).msg)).toEqual(['last words', 'service_stopped']);
  }
  await file.close();
  await rm(dir, { recursive: true, force: true });
});

test.each(['not a url', 'collector:4318', 'http://'])(
  'the endpoint of traces %s is refused by its name',
  async (endpoint) => {
    const file = join(import.meta.dirname, '..', '..', 'test', 'noisy-service.ts');
    const child = spawn(process.execPath, [file, '1'], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint },
    });
    children.push(child);
    const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
    expect({ code, said }).toEqual({
      code: 2,
      said: expect.stringMatching(/OTEL_EXPORTER_OTLP_ENDPOINT: .*http/),
    });
  },
);
