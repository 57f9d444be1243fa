#!/usr/bin/env node
import { causeOf } from '@errand/client/for-command';
import { plainLines } from './output/text.ts';
import { runCommand } from './run-command.ts';

/** How long a command may take to clean up when nobody reads its answer any longer. */
const LEAVE_MS = 5_000;

const interrupted = new AbortController();
const { stdin, stdout, stderr } = process;
/** The exit code of a command that is left, whatever its own would be. */
let leftWith: number | undefined;
let needsReader = false;

function interrupt(): void {
  interrupted.abort();
  stdin.destroy();
}

function leave(code: number): void {
  leftWith ??= code;
  process.exitCode = leftWith;
  interrupt();
  setTimeout(() => process.exit(leftWith), LEAVE_MS).unref();
}

// The second one ends the process at once.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, interrupt);
stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A reader that has seen enough, such as head, does not make this a failure.
  if (error.code === 'EPIPE' && !needsReader) return leave(0);
  if (leftWith === undefined) stderr.write(`errand: cannot write the output: ${plainLines(error.message)}\n`);
  leave(2);
});
// Nobody is left to be told.
stderr.on('error', () => leave(2));
process.on('uncaughtException', (error) => {
  end(process.env.ERRAND_DEBUG === '1' ? `${error.stack}` : `${causeOf(error)} (ERRAND_DEBUG=1 shows where)`);
});

function end(reason: string): never {
  stderr.write(`errand: ${plainLines(reason)}\n`);
  process.exit(2);
}

function handOver(): void {
  for (const event of ['SIGINT', 'SIGTERM', 'SIGHUP', 'uncaughtException']) process.removeAllListeners(event);
  for (const stream of [stdout, stderr]) stream.removeAllListeners('error');
}

const exitCode = await runCommand(process.argv.slice(2), {
  env: process.env,
  folder: process.cwd(),
  stdin,
  stdout,
  stderr,
  columns: stdout.isTTY && stderr.isTTY ? () => stderr.columns || 80 : undefined,
  signal: interrupted.signal,
  now: Date.now,
  handOver,
  needsReader: () => {
    needsReader = true;
  },
});
process.exitCode = leftWith ?? exitCode;
