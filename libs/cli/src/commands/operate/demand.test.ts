import { expect, test } from 'vitest';
import { run } from '../../../test/command.ts';
import { startTestGateway } from '../../../test/gateway.ts';

const IDLE = {
  queued: 0,
  held: 0,
  limited: 0,
  running: 0,
  due_within_60s: 0,
  oldest_s: 0,
  slots: 0,
  wanted: 0,
};
const BUSY = {
  queued: 40,
  held: 24,
  limited: 8,
  running: 16,
  due_within_60s: 3,
  oldest_s: 192.5,
  slots: 16,
  wanted: 51,
};

test('what executors have to do is a table by action', async () => {
  const told = { actions: { report: BUSY, mail: IDLE } };
  await using gateway = await startTestGateway({ 'GET /admin/stats': { body: told } });
  const { code, out } = await run(['demand'], gateway.env);
  expect(code).toBe(0);
  expect(out.split('\n')).toEqual([
    'ACTION  QUEUED  OLDEST  HELD  LIMITED  RUNNING  DUE SOON  WANTED  SLOTS',
    'mail    0               0     0        0        0         0       0',
    'report  40      3 min   24    8        16       3         51      16',
    '',
  ]);
  expect(JSON.parse((await run(['demand', '--json'], gateway.env)).out)).toEqual(told);
});
