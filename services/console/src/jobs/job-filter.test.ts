import { expect, test } from 'vitest';
import { bulkFilterOf, optionsOf, parametersOf, readJobFilter } from './job-filter.ts';

test('a filter means the same to the list, to a bulk action and to the command', () => {
  const filter = readJobFilter({
    status: 'failed,expired',
    action: 'echo',
    source: 'schedule',
    q: '1e3',
    'meta.of': 'ada',
    other: 'x',
  });
  expect(parametersOf(filter)).toEqual({
    status: 'failed,expired',
    action: 'echo',
    source: 'schedule',
    q: '1e3',
    'metadata.of': 'ada',
  });
  expect(bulkFilterOf(filter)).toEqual({
    status: ['failed', 'expired'],
    action: ['echo'],
    source: ['schedule'],
    q: '1e3',
    metadata: { of: 'ada' },
  });
  expect(optionsOf(filter).join(' ')).toBe(
    '--status failed,expired --action echo --source schedule --has 1e3 --metadata of=ada',
  );
});
