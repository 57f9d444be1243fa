import { randomUUIDv7 } from 'node:crypto';
import { isPlainEvent } from '@errand/bus/testing';
import type { ActionContract } from '@errand/contracts';
import { expect, test } from 'vitest';
import { jobRequestOf } from './request-job.ts';
import type { JobOrder } from './run-options.ts';

const order: JobOrder = {
  contract: { name: 'render', version: '1', contract_id: 'c-1' } as ActionContract,
  resource: { design_id: 'd-1' },
  input: { tilt_deg: 30 },
  metadata: { order: '7' },
  times: { finish_by: '2026-01-01T12:00:00.000Z' },
  source: 'api',
  webhook: undefined,
};

test.each([
  ['a plain one', order],
  [
    'one that starts later',
    {
      ...order,
      times: {
        start_after: '2026-01-01T10:00:00.000Z',
        start_by: '2026-01-01T11:00:00.000Z',
        finish_by: '2026-01-01T12:00:00.000Z',
      },
    },
  ],
])('readers recognize a request without a check of the whole: %s', (_, each) => {
  const caller = { name: 'ci', tenantId: 'acme', only: {}, actor: 'key:1' };
  const origin = { caller, nowMs: Date.UTC(2026, 0, 1), traceparent: undefined, appendTimeoutMs: 1_000 };
  const { event } = jobRequestOf(each, randomUUIDv7(), origin);
  expect(isPlainEvent(JSON.parse(JSON.stringify(event)))).toBe(true);
});
