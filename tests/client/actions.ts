import { existsSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { defineAction, FileResult, PermanentError, z } from '@errand/actions';

/* The actions of the suite's system. The file is copied to where a developer keeps actions. */

export const shout = defineAction({
  name: 'shout',
  resource: 'rooms/{room}',
  input: z.object({ text: z.string() }),
  result: z.object({ text: z.string() }),
  run: ({ input }) => ({ text: input.text.toUpperCase() }),
});

/** Naps until it is canceled. */
export const nap = defineAction({
  name: 'nap',
  input: z.object({}),
  result: z.object({}),
  concurrency: 16,
  run: ({ signal, progress }) => {
    progress(10, 'asleep');
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  },
});

/** Says lines and a partial result, in attempts that fail and in one that lasts until it is canceled. */
export const talk = defineAction({
  name: 'talk',
  input: z.object({
    says: z.array(z.string()),
    failures: z.int().default(0),
    /** A file: once it exists, the last attempt says one line more. */
    gate: z.string().optional(),
  }),
  result: z.object({}),
  retry: { firstDelayMs: 10 },
  concurrency: 16,
  logs: 'caller',
  async run({ input, attempt, log, output, signal }) {
    for (const [place, line] of input.says.entries()) log(line, { place });
    output({ part: 'ä€🎉' });
    if (attempt <= input.failures) throw new Error('it may succeed the next time');
    while (input.gate && !existsSync(input.gate)) await setTimeout(20, undefined, { signal });
    if (input.gate) log('the gate is open');
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  },
});

export const refuse = defineAction({
  name: 'refuse',
  input: z.object({}),
  result: z.object({}),
  run: () => {
    throw new PermanentError('too_steep', 'The roof is too steep.');
  },
});

export const large = defineAction({
  name: 'large',
  input: z.object({ bytes: z.int() }),
  result: z.object({ text: z.string() }),
  run: ({ input }) => ({ text: 'x'.repeat(input.bytes) }),
});

export const file = defineAction({
  name: 'file',
  input: z.object({}),
  result: FileResult,
  run: ({ saveResult }) => {
    const body = Array.from({ length: 40 }, () => new TextEncoder().encode('a;b\n'.repeat(5_000)));
    return saveResult({ contentType: 'text/csv', filename: 'größe.csv', body });
  },
});
