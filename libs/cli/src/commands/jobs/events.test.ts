import { expect, test } from 'vitest';
import { run } from '../../../test/command.ts';
import { startTestGateway } from '../../../test/gateway.ts';

const JOB = '01a20b96-1514-7abb-ac7b-820fd55ab526';
const event = (version: number, type: string) => ({ version, type, time: '2026-01-31T12:00:00Z', data: {} });

test('a history ends at its end, although the newest event cannot be shown', async () => {
  await using gateway = await startTestGateway({
    [`GET /v2/tenants/t/jobs/${JOB}`]: { body: { job_id: JOB, status: 'running', version: 9 } },
    [`GET /v2/tenants/t/jobs/${JOB}/events`]: {
      body: { events: [event(3, 'JobRequested'), event(5, 'JobStarted')], version: 9, next_after: null },
    },
  });
  const told = await run(['events', JOB, '--after', '176450000000001', '--json'], gateway.env);
  expect(JSON.parse(told.out)).toMatchObject({ events: [{ version: 3 }, { version: 5 }] });
  expect(gateway.asked).toEqual([`GET /v2/tenants/t/jobs/${JOB}/events?after=176450000000001`]);
});
