import { setTimeout as pause } from 'node:timers/promises';
import { defineAction } from '@errand/actions';
import { Metadata } from '@errand/contracts';

/** What a remote worker runs: it works for `ms`, tells how far it is, and heeds its signal. */
export const distant = defineAction({
  name: 'distant',
  input: Metadata,
  result: Metadata,
  retry: { maxAttempts: 10, firstDelayMs: 100, maxDelayMs: 1_000 },
  concurrency: 4,
  async run({ input, signal, progress }) {
    progress(50, 'half');
    await pause(Number(input.ms), undefined, { signal });
    return {};
  },
});
