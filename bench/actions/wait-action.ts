import { setTimeout as pause } from 'node:timers/promises';
import { defineAction } from '@errand/actions';
import { z } from 'zod';

/** An action that holds a slot for a time, and fails as often as it is told to. ERRAND_BENCH_SLOTS: how many at a time. */
export const wait = defineAction({
  name: 'wait',
  input: z.object({ ms: z.int().min(0), failures: z.int().min(0).default(0) }),
  result: z.object({}),
  concurrency: Number(process.env.ERRAND_BENCH_SLOTS ?? 16),
  retry: { maxAttempts: 5, firstDelayMs: 500 },
  async run({ input, attempt }) {
    await pause(input.ms);
    if (attempt <= input.failures) throw new Error('told to fail');
    return {};
  },
});
