import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitUntil } from '@errand/testkit';
import { expect, test } from 'vitest';
import { tellOfActions } from './tell-of-actions.ts';

const announced = (pid: number, name: string) =>
  `${JSON.stringify({ pid, msg: 'actions_announced', announced: [{ name, path: `${name}/run`, file: `${process.cwd()}/actions/a.ts` }] })}\n`;

test('what the latest start and what follows says of actions is told, in words', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'errand-log-'));
  const logFile = join(folder, 'executor.log');
  await writeFile(
    logFile,
    `${announced(1, 'old')}no json\n${announced(2, 'hello')}{"pid":2,"msg":"other"}\n`,
  );
  const said: string[] = [];
  const stop = new AbortController();
  const telling = tellOfActions({
    logFile,
    tenantUrl: 'http://x/t',
    say: (line) => said.push(line),
    signal: stop.signal,
  });
  const hello = 'loaded hello of actions/a.ts: POST http://x/t/hello/run';
  await waitUntil(() => said.length === 1);
  expect(said).toEqual([hello]);
  await appendFile(logFile, '{"pid":2,"msg":"action_file_broken","reason":"a.ts:1: x\\na.ts:2: y"}\n');
  await appendFile(logFile, '{"pid":2,"msg":"actions_announced","announced":[],"withdrawn":["hello"]}\n');
  await waitUntil(() => said.length === 4);
  expect(said.slice(1)).toEqual(['broken: a.ts:1: x', 'broken: a.ts:2: y', 'gone: hello']);
  stop.abort();
  await telling;
  await rm(folder, { recursive: true });
});
