import { defineAction } from '@errand/actions';
import { Metadata } from '@errand/contracts';

/** Runs until its executor goes away; every later attempt returns at once. */
export const hold = defineAction({
  name: 'hold',
  input: Metadata,
  result: Metadata,
  run: ({ attempt, signal }) =>
    attempt > 1
      ? {}
      : new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')))),
});
