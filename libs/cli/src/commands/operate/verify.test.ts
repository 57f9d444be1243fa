import { expect, test } from 'vitest';
import { run } from '../../../test/command.ts';
import { startTestGateway } from '../../../test/gateway.ts';

const AT = '2026-01-31T12:00:00.000Z';

test('messages that could not be read are part of the report', async () => {
  const report = {
    tenant_id: null,
    since: AT,
    as_of_version: 9,
    started_at: AT,
    duration_ms: 1_500,
    passes: 1,
    checked: { jobs: 1, events: 2, rows: 3, links: 4, deliveries: 5 },
    unreadable: 3,
    unconfirmed: 0,
    findings: [],
  };
  await using gateway = await startTestGateway({ 'GET /admin/verify': { body: report } });
  const { code, out } = await run(['verify'], gateway.env);
  expect([code, out]).toEqual([0, expect.stringMatching(/\n {8}3 {2}messages that cannot be read: /)]);
});

test('an invalid answer ends with 2', async () => {
  await using gateway = await startTestGateway({ 'GET /admin/verify': { body: {} } });
  expect(await run(['verify'], gateway.env)).toMatchObject({
    code: 2,
    said: 'errand: the response was cut off or is empty\n',
  });
});

test('an endless answer is given up', async () => {
  const body = 'x'.repeat(2 ** 26);
  await using gateway = await startTestGateway({ 'GET /admin/verify': { body } });
  expect(await run(['verify'], gateway.env)).toMatchObject({
    code: 2,
    said: 'errand: the answer is longer than 67108864 bytes\n',
  });
});
