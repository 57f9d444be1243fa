import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testAction } from '@errand/actions';
import { reportExport } from './report-export.ts';

const resource = { report_id: 'orders' };

test('a report has one row for each day', async () => {
  const { files } = await testAction(reportExport, { from: '2026-02-27', to: '2026-03-01' }, { resource });
  const rows = Buffer.from(files[0]?.content ?? '')
    .toString()
    .trim()
    .split('\n');
  assert.equal(rows.length, 4);
  assert.equal(rows[0], 'day,orders');
  assert.match(rows[1] ?? '', /^2026-02-27,\d+$/);
});

test('a report that ends before it begins fails for good', async () => {
  const { error } = await testAction(reportExport, { from: '2026-03-02', to: '2026-03-01' }, { resource });
  assert.equal(error?.code, 'invalid_period');
});
