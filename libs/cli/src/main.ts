#!/usr/bin/env node
import { createClient } from './client.ts';
import { createGateway } from './gateway.ts';
import { runCommand } from './run-command.ts';

process.exitCode = await runCommand(process.argv.slice(2), {
  gateway: () => createGateway(process.env),
  client: (place) => createClient(process.env, place),
  stdout: process.stdout,
  say: (line) => console.error(line),
});
