import { expect, test } from 'vitest';
import { type HealthRow, healthOf } from './endpoint-health.ts';

const RECORD = { enabled: true, updated_at: '2026-01-02T00:00:00.000Z' };
const AT = new Date('2026-01-01T00:00:00.000Z');
const DISABLED: HealthRow = {
  endpoint_id: 'whe_1',
  state: 'disabled',
  ...{ failing_since: AT, last_success_at: AT, last_failure_at: AT, next_probe_at: AT },
  ...{ disabled_reason: 'failing', disabled_record: new Date(RECORD.updated_at), pending: 0, oldest: null },
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
