#!/usr/bin/env node
import { runCommand } from './run-command.ts';

const interrupted = new AbortController();
const { stdin, stdout, stderr } = process;
// The second one ends the process at once.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    interrupted.abort();
    stdin.destroy();
  });
}
// A reader that has seen enough, such as head, is no failure.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

process.exitCode = await runCommand(process.argv.slice(2), {
  ...{ env: process.env, folder: process.cwd(), stdin, stdout, stderr },
  columns: stdout.isTTY && stderr.isTTY ? () => stderr.columns || 80 : undefined,
  signal: interrupted.signal,
  now: Date.now,
});
