import { expect, test } from 'vitest';
import { nearest } from './nearest.ts';

const NAMES = ['performance_simulation', 'proposal_pdf_generation', 'hello', 'help'];

test.each([
  ['performance_simulaton', ['performance_simulation']],
  ['simulation', ['performance_simulation']],
  ['helo', ['hello', 'help']],
  ['quote', []],
])('%s may have been meant as %j', (word, names) => {
  expect(nearest(word, NAMES)).toEqual(names);
});
