import { PassThrough, Readable } from 'node:stream';
import { runCommand } from '../src/run-command.ts';

function written(stream: PassThrough): string {
  let text = '';
  for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) text += String(chunk);
  return text;
}

/** Runs a command in this process, with only these variables. */
export async function run(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  folder = '/nowhere',
) {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const code = await runCommand(args, {
    env: { HOME: '/nowhere', ...env },
    folder,
    stdin: Readable.from([]),
    stdout,
    stderr,
    columns: undefined,
    signal: new AbortController().signal,
    now: () => 0,
    handOver: () => {},
    needsReader: () => {},
  });
  return { code, said: written(stderr), out: written(stdout) };
}
