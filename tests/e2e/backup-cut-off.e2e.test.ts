import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { openBus } from '@errand/bus';
import { DEFAULT_TOPOLOGY } from '@errand/contracts';
import { startTestNats } from '@errand/testkit';
import { expect, test } from 'vitest';
import { COMMAND } from './errand-command.ts';

test('a backup whose reader is gone before its end is a failure, as it is not one', async () => {
  await using nats = await startTestNats();
  const topology = { ...DEFAULT_TOPOLOGY, jobsMaxBytes: 100_000_000 };
  await using _bus = await openBus({ servers: nats.url, name: 'test', topology });
  const child = spawn(process.execPath, [COMMAND, 'backup', '-'], {
    env: { PATH: process.env.PATH, NATS_URL: nats.url },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.destroy();
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  expect({ code, said }).toEqual({
    code: 2,
    said: expect.stringMatching(/^errand: cannot write the output: .*EPIPE/m),
  });
});
