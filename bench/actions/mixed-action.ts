import { defineAction, PermanentError } from '@errand/actions';
import { z } from 'zod';

/** An action whose jobs end as their inputs say, at once. */
export const mixed = defineAction({
  name: 'mixed',
  input: z.object({ outcome: z.enum(['succeed', 'fail', 'retry']) }),
  result: z.object({ text: z.string() }),
  run({ input: { outcome }, attempt }) {
    if (outcome === 'fail') throw new PermanentError('refused', 'It was to fail.');
    if (outcome === 'retry' && attempt === 1) throw new Error('it was to fail once');
    return { text: 'x'.repeat(200) };
  },
});
