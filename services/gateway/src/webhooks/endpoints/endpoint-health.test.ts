import { receiverOf } from '@errand/postgres';
import { expect, test } from 'vitest';
import { type HealthRow, healthOf } from './endpoint-health.ts';

const RECORD = { enabled: true, url: 'https://example.com/a', updated_at: '2026-01-02T00:00:00.000Z' };
const AT = new Date('2026-01-01T00:00:00.000Z');
const DISABLED: HealthRow = {
  endpoint_id: 'whe_1',
  state: 'disabled',
  failing_since: AT,
  last_success_at: AT,
  last_failure_at: AT,
  next_probe_at: AT,
  disabled_reason: 'failing',
  disabled_record: new Date(RECORD.updated_at),
  pending: 0,
  oldest: null,
  receiver: null,
  record_at: null,
};

test.each([
  ['active', RECORD, { state: null }],
  ['active', RECORD, { state: 'active' }],
  ['failing', RECORD, { state: 'failing' }],
  ['disabled', RECORD, {}],
  ['active', { ...RECORD, updated_at: '2026-01-03T00:00:00.000Z' }, {}],
  ['paused', { ...RECORD, enabled: false }, { state: 'failing' }],
  ['paused', { ...RECORD, enabled: false }, {}],
] as const)('it is %s as %j with %j stored', (state, record, row) => {
  expect(healthOf(record, { ...DISABLED, ...row }, 10).state).toBe(state);
});

test('what was said of a record that was changed since is left out', () => {
  const changed = { ...RECORD, updated_at: '2026-01-03T00:00:00.000Z' };
  const { disabled_reason, failing_since, next_probe_at, last_success_at } = healthOf(changed, DISABLED, 10);
  expect([disabled_reason, failing_since, next_probe_at]).toEqual([null, null, null]);
  expect(last_success_at).toBe(AT.toISOString());
});

test('what was said of another URL is left out, and so is when a changed record is tried again', () => {
  const row = { ...DISABLED, state: 'failing' as const, receiver: receiverOf(RECORD.url) };
  const read = (over: Partial<HealthRow>) => {
    const { state, failing_since, next_probe_at, last_failure_at } = healthOf(
      RECORD,
      { ...row, ...over },
      10,
    );
    return [state, failing_since, next_probe_at, last_failure_at];
  };
  const at = AT.toISOString();
  expect(read({ record_at: new Date(RECORD.updated_at) })).toEqual(['failing', at, at, at]);
  expect(read({ record_at: new Date(0) })).toEqual(['failing', at, null, at]);
  expect(read({ receiver: receiverOf('https://example.com/b') })).toEqual(['active', null, null, null]);
});

test('a backlog is exact up to the limit', () => {
  const backlogOf = (pending: number) => {
    const { backlog } = healthOf(RECORD, { ...DISABLED, pending }, 10);
    return [backlog.pending, backlog.pending_is_capped];
  };
  expect([backlogOf(10), backlogOf(11)]).toEqual([
    [10, false],
    [10, true],
  ]);
});
