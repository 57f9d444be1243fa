#!/usr/bin/env node
import { createGateway } from './gateway.ts';
import { runCommand } from './run-command.ts';

process.exitCode = await runCommand(process.argv.slice(2), {
  gateway: () => createGateway(process.env),
  stdout: process.stdout,
  say: (line) => console.error(line),
});
