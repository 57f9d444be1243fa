#!/usr/bin/env node
import { causeOf } from '@errand/client/for-command';
import { runCommand } from './run-command.ts';
import { plainLines } from './text.ts';

const interrupted = new AbortController();
const { stdin, stdout, stderr } = process;
// The second one ends the process at once.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    interrupted.abort();
    stdin.destroy();
  });
}
stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A reader that has seen enough, such as head, is no failure.
  if (error.code === 'EPIPE') process.exit(0);
  end(`the answer cannot be written: ${error.message}`);
});
// Nobody is left to be told.
stderr.on('error', () => process.exit(2));
process.on('uncaughtException', (error) => {
  end(process.env.ERRAND_DEBUG === '1' ? `${error.stack}` : `${causeOf(error)} (ERRAND_DEBUG=1 shows where)`);
});

function end(reason: string): never {
  stderr.write(`errand: ${plainLines(reason)}\n`);
  process.exit(2);
}

process.exitCode = await runCommand(process.argv.slice(2), {
  ...{ env: process.env, folder: process.cwd(), stdin, stdout, stderr },
  columns: stdout.isTTY && stderr.isTTY ? () => stderr.columns || 80 : undefined,
  signal: interrupted.signal,
  now: Date.now,
});
