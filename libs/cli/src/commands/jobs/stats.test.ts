import { expect, test } from 'vitest';
import { run } from '../../../test/command.ts';
import { startTestGateway } from '../../../test/gateway.ts';
import { local } from '../../output/times.ts';

const NONE = {
  ...{ requested: 0, succeeded: 0, failed: 0, canceled: 0, expired: 0 },
  ...{ queue_wait_ms: null, run_ms: null },
};
const SOME = {
  ...{ ...NONE, requested: 3, succeeded: 1, failed: 2 },
  ...{ queue_wait_ms: { p50: 3, p95: 999, p99: 1_535 }, run_ms: { p50: 1, p95: 70_000, p99: 7_200_000 } },
};
const time = (minute: number) => new Date(minute * 60_000).toISOString();
const STATS = {
  ...{ from: time(-4), to: time(-2), step: 'minute', totals: SOME },
  now: { queued: 2, running: 1, oldest_queued_at: time(-5), by_action: [] },
  series: [
    { at: time(-4), ...NONE },
    { at: time(-3), ...SOME },
  ],
  errors: [
    {
      ...{ action: 'add', code: 'broken', detail: 'It broke.', count: 2 },
      ...{ first_seen: time(-60), last_seen: time(-3), sample_job_id: 'j-1' },
    },
  ],
};

test('minutes in which something happened, the sum and the failures are tables', async () => {
  await using gateway = await startTestGateway({ 'GET /v2/tenants/t/stats': { body: STATS } });
  const { code, out } = await run(['stats', '--from', '2h', '--action', 'add,mul'], gateway.env);
  expect(code).toBe(0);
  expect(gateway.asked[0]).toBe('GET /v2/tenants/t/stats?from=1969-12-31T22%3A00%3A00.000Z&action=add%2Cmul');
  const minute = local(time(-3)).slice(0, -3);
  expect(out.split('\n')).toEqual([
    'now: 2 queued, the oldest requested 5 min ago, 1 running',
    `${local(time(-4))} to ${local(time(-2))}; waits and run times as p50 / p95 / p99`,
    '',
    'MINUTE            REQUESTED  SUCCEEDED  FAILED  CANCELED  EXPIRED  WAITED                 RAN',
    `${minute}  3          1          2       0         0        3 ms / 999 ms / 1.5 s  1 ms / 1 min / 2 h`,
    'all               3          1          2       0         0        3 ms / 999 ms / 1.5 s  1 ms / 1 min / 2 h',
    '',
    'ACTION  ERROR   JOBS  FIRST    LAST       LAST JOB  WHICH SAYS',
    'add     broken  2     1 h ago  3 min ago  j-1       It broke.',
    '',
  ]);
});
