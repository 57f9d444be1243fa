import { appendFile, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitUntil } from '@errand/testkit';
import { expect, test } from 'vitest';
import { tellOfExecutor } from './tell-of-executor.ts';

const announced = (pid: number, name: string) =>
  `${JSON.stringify({ pid, msg: 'actions_announced', announced: [{ name, path: `${name}/run`, file: `${process.cwd()}/actions/a.ts` }] })}\n`;

const CAUSE = [
  'Error: no',
  `    at run (file://${process.cwd()}/actions/a.ts?errand=2:7:3)`,
  '    at attemptOnce (file:///somewhere/libs/actions/src/execute-attempt.ts:76:29)',
  '    at process.processTicksAndRejections (node:internal/process/task_queues:104:5)',
].join('\n');

test('what the log says of actions and their jobs since the latest start is shown, in words', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'errand-log-'));
  const logFile = join(folder, 'executor.log');
  await writeFile(
    logFile,
    `${announced(1, 'old')}no json\n${announced(2, 'hello')}{"pid":2,"msg":"other"}\n`,
  );
  const said: string[] = [];
  const stop = new AbortController();
  const telling = tellOfExecutor({
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

  const about = {
    pid: 2,
    level: 'info',
    action: 'hello',
    job_id: '0190-12345678',
    tenant_id: 't',
    attempt: 1,
  };
  const logged = [
    { ...about, msg: 'halfway', rows: 7 },
    {
      ...about,
      msg: 'attempt_ended',
      outcome: 'action_failed',
      duration_ms: 1.25,
      cause: `${CAUSE}\n\u001b[2Jwiped`,
    },
    { ...about, attempt: 2, msg: 'attempt_ended', outcome: 'succeeded', duration_ms: 1_200.5 },
    { pid: 2, msg: 'service_failed', err: { stack: 'Error: late' } },
    { pid: 2, msg: 'stray_error', cause: 'Error: left behind', job_id: '0190-12345678' },
    { pid: 2, msg: 'main_thread_blocked', blocked_ms: 20_000 },
    { pid: 2, msg: 'nats_connection', detail: 'x' },
    { pid: 2, msg: 'action_files_mended' },
  ];
  await appendFile(
    logFile,
    `${logged.map((line) => JSON.stringify(line)).join('\n')}\nprinted größe\n\u001b]0;owned\u0007text\n{"a":1}\n`,
  );
  await waitUntil(() => said.length === 17);
  expect(said.slice(4)).toEqual([
    'hello …12345678: halfway {"rows":7}',
    'hello …12345678: action_failed after 1.3 ms',
    '    Error: no\n        at run (actions/a.ts:7:3)\n     [2Jwiped',
    'hello …12345678, attempt 2: succeeded after 1201 ms',
    ...[
      'the executor failed:',
      '    Error: late',
      'uncaught error outside any running job:',
      '    Error: left behind',
      'the executor is unresponsive, perhaps in an endless loop; killing it',
      'all action files load again',
      'printed größe',
      ' ]0;owned text',
      '{"a":1}',
    ],
  ]);
  await truncate(logFile);
  await appendFile(logFile, announced(2, 'again'));
  await waitUntil(() => said.length === 18);
  expect(said[17]).toBe('loaded again of actions/a.ts: POST http://x/t/again/run');
  stop.abort();
  await telling;
  await rm(folder, { recursive: true });
});
