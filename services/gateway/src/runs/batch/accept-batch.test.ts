import { randomUUIDv7 } from 'node:crypto';
import { JobId, uuidV7TimeMs } from '@errand/contracts';
import { expect, test } from 'vitest';
import { batchJobId } from './accept-batch.ts';

const first = randomUUIDv7();

test('the first item has the first id', () => {
  expect(batchJobId(first, 0)).toBe(first);
});

test('a thousand items have a thousand ids, each a job id of the same millisecond', () => {
  const ids = Array.from({ length: 1_000 }, (_, index) => batchJobId(first, index));
  expect(new Set(ids).size).toBe(1_000);
  for (const id of ids) {
    expect(JobId.safeParse(id).success, id).toBe(true);
    expect(uuidV7TimeMs(id)).toBe(uuidV7TimeMs(first));
  }
});

test('the ids of a batch are always the same, and those of another batch are others', () => {
  expect(batchJobId(first, 7)).toBe(batchJobId(first, 7));
  expect(batchJobId(randomUUIDv7(), 7)).not.toBe(batchJobId(first, 7));
});
