#!/usr/bin/env node
import { runCommand } from './run-command.ts';

const interrupted = new AbortController();
// The second one ends the process at once.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
// A reader that has seen enough, such as head, is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

const { stdin, stdout, stderr } = process;
process.exitCode = await runCommand(process.argv.slice(2), {
  ...{ env: process.env, folder: process.cwd(), stdin, stdout, stderr },
  columns: stdout.isTTY && stderr.isTTY ? () => stderr.columns || 80 : undefined,
  signal: interrupted.signal,
  now: Date.now,
});
