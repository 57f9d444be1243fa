import { expect, test } from 'vitest';
import { traceParentOf } from './trace-parent.ts';

const IDS = '4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

test.each([`00-${IDS}`, `01-${IDS}`, `01-${IDS}-more`])('%s is carried', (header) => {
  expect(traceParentOf(header)).toBe(header);
});

test.each([
  null,
  '',
  `ff-${IDS}`,
  `00-${IDS}-more`,
  `00-${IDS.toUpperCase()}`,
  `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
  `00-4bf92f3577b34da6a3ce929d0e0e4736-${'0'.repeat(16)}-01`,
  `01-${IDS}-${'x'.repeat(100)}`,
])('%s is not carried', (header) => {
  expect(traceParentOf(header)).toBeUndefined();
});
