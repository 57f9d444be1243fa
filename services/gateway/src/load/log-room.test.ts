import { createOps } from '@errand/runtime';
import { expect, test } from 'vitest';
import { watchLogRoom } from './log-room.ts';

test('while the log has never said how large it is, no tenant has a share of it', async () => {
  const unavailable = () => Promise.reject(new Error('the log does not answer'));
  const ops = createOps({ service: 'test', checks: () => ({}) });
  using room = await watchLogRoom(
    { jobs: { readFill: unavailable, countOpen: unavailable } },
    { runsPercent: 90, tenantPercent: 50, metrics: ops.metrics },
  );
  room.admitRuns({ jobs: 1, bytes: 100 });
  expect([room.hasRoom(), room.mostOfTenant()]).toEqual([true, undefined]);
});
