/* The actions that the conformance test requires of an executor, for Errand's own. */
import { setTimeout as sleep } from 'node:timers/promises';
import { defineAction, PermanentError, z } from '@errand/actions';

const LIMITS = { retry: { maxAttempts: 2, firstDelayMs: 2_000 }, timeoutMs: 8_000 };

export const echo = defineAction({
  ...LIMITS,
  name: 'conformance_echo',
  input: z.unknown(),
  result: z.unknown(),
  run: ({ input }) => input,
});

export const fail = defineAction({
  ...LIMITS,
  name: 'conformance_fail',
  input: z.unknown(),
  result: z.unknown(),
  run: () => {
    throw new Error('conformance secret');
  },
});

export const wait = defineAction({
  ...LIMITS,
  name: 'conformance_sleep',
  input: z.object({ ms: z.number() }),
  result: z.object({}),
  run: async ({ input, signal }) => {
    await sleep(input.ms, undefined, { signal });
    return {};
  },
});

export const permanent = defineAction({
  ...LIMITS,
  name: 'conformance_permanent',
  input: z.unknown(),
  result: z.unknown(),
  run: () => {
    throw new PermanentError('conformance_permanent', 'It will never work.');
  },
});

export const progress = defineAction({
  ...LIMITS,
  name: 'conformance_progress',
  input: z.unknown(),
  result: z.object({}),
  run: async ({ progress: report }) => {
    for (const percent of [25, 50, 75]) {
      report(percent);
      await sleep(300);
    }
    return {};
  },
});
