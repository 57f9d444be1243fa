import { defineAction, PermanentError } from '@errand/actions';
import { z } from 'zod';

/** Ends as its input says. */
export const disk = defineAction({
  name: 'disk',
  input: z.object({ outcome: z.enum(['succeed', 'fail', 'retry']), filler: z.string() }),
  result: z.object({ text: z.string() }),
  retry: { maxAttempts: 2, firstDelayMs: 500 },
  run({ input: { outcome, filler }, attempt }) {
    if (outcome === 'fail') throw new PermanentError('refused', 'It was to fail.');
    if (outcome === 'retry' && attempt === 1) throw new Error('it was to fail once');
    return { text: filler.slice(0, 1_000) };
  },
});
