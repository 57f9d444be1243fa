import type { Verification } from '@errand/contracts';
import { expect, test } from 'vitest';
import { run } from '../../../test/command.ts';
import { startTestGateway } from '../../../test/gateway.ts';

const AT = '2026-01-31T12:00:00.000Z';
const ID = '019c2f3e-0000-7000-8000-000000000000';
const BEGUN: Verification = {
  verification_id: ID,
  state: 'running',
  tenant_id: null,
  since: null,
  started_at: AT,
  ended_at: null,
  step: null,
  percent: null,
  checked: { jobs: 1, events: 2, rows: 3, links: 4, deliveries: 5 },
  error: null,
  report: null,
};
const REPORT = {
  tenant_id: null,
  since: AT,
  as_of_version: 9,
  started_at: AT,
  duration_ms: 1_500,
  passes: 1,
  checked: BEGUN.checked,
  unreadable: 3,
  unconfirmed: 0,
  findings: [],
};

/** A system whose comparison ends so. */
const startEnding = (ended: object) =>
  startTestGateway({
    'POST /admin/verifications': { status: 202, body: BEGUN },
    [`GET /admin/verifications/${ID}`]: { body: { ...BEGUN, ...ended } },
  });

test('messages that could not be read are part of the report', async () => {
  await using gateway = await startEnding({ state: 'done', ended_at: AT, report: REPORT });
  const { code, out } = await run(['verify'], gateway.env);
  expect([code, out]).toEqual([0, expect.stringMatching(/\n {8}3 {2}messages that cannot be read: /)]);
});

test.each([
  [{ state: 'failed', error: 'no log' }, 'the verification failed: no log'],
  [{ state: 'canceled' }, 'the verification canceled'],
  [{ state: 'lost' }, 'the gateway answered with no verification'],
])('%o ends with 2', async (ended, said) => {
  await using gateway = await startEnding(ended);
  expect(await run(['verify'], gateway.env)).toMatchObject({ code: 2, said: `errand: ${said}\n` });
});
