import { defineAction, PermanentError } from '@errand/actions';
import { z } from 'zod';

/* Test-only: actions that behave in every way an executor must bear. */

export const add = defineAction({
  name: 'add',
  resource: 'sums/{sum_id}',
  input: z.object({ a: z.number(), b: z.number() }),
  result: z.object({ sum: z.number(), sum_id: z.string() }),
  run: ({ input, resource, progress }) => {
    progress(50, 'halfway');
    return { sum: input.a + input.b, sum_id: resource.sum_id };
  },
});

/** Ends as its input says. */
export const misbehave = defineAction({
  name: 'misbehave',
  input: z.object({ how: z.enum(['throw', 'refuse', 'rant', 'lie', 'count', 'flood', 'hang']) }),
  result: z.object({ ok: z.union([z.boolean(), z.string()]), rest: z.unknown().optional() }),
  timeoutMs: 300,
  retry: { maxAttempts: 1 },
  run: async ({ input }) => {
    switch (input.how) {
      case 'throw':
        throw new Error('a secret of the database');
      case 'refuse':
        throw new PermanentError('too_steep', 'The roof is too steep.', [{ pointer: '#/tilt' }]);
      case 'rant':
        throw new PermanentError('too_steep', 'Much too steep.', ['x'.repeat(3_000_000)]);
      case 'lie':
        return { ok: 7 as unknown as boolean };
      case 'count':
        return { ok: true, rest: 1n };
      case 'flood':
        return { ok: 'x'.repeat(3_000_000) };
      case 'hang':
        return new Promise(() => {});
    }
  },
});

const input = z.object({ how: z.enum(['spin', 'exit', 'fall', 'babble', 'answer']) });

/** Keeps a processor busy for ever, takes its thread down, at once or from outside of the action, or answers. */
export const busy = defineAction({
  name: 'busy',
  input,
  result: z.object({ ok: z.boolean() }),
  timeoutMs: 5_000,
  retry: { maxAttempts: 1 },
  concurrency: 2,
  thread: 'worker',
  run: ({ input: { how }, progress }) => {
    progress(1);
    if (how === 'babble') progress(50, 7 as unknown as string);
    if (how === 'exit') process.exit(3);
    if (how === 'fall') {
      setImmediate(() => {
        throw new Error('out of nowhere');
      });
      return new Promise<{ ok: boolean }>(() => {});
    }
    while (how === 'spin') Math.random();
    return { ok: true };
  },
});

/** Fails until the attempt that its input names. */
export const flaky = defineAction({
  name: 'flaky',
  input: z.object({ succeeds_at: z.number() }),
  result: z.object({ attempt: z.number() }),
  retry: { maxAttempts: 3, firstDelayMs: 50, maxDelayMs: 100 },
  run: ({ input, attempt }) => {
    if (attempt < input.succeeds_at) throw new Error('not yet');
    return { attempt };
  },
});

/** Is fenced in every way while it runs: it ends when a test wants it to. */
export const stubborn = defineAction({
  name: 'stubborn',
  input: z.object({}),
  result: z.object({}),
  thread: 'worker',
  run: ({ progress }) => {
    progress(1, 'running');
    const until = Date.now() + 20_000;
    while (Date.now() < until) Math.random();
    return {};
  },
});

/** Waits for its signal, then says so. */
export const wait = defineAction({
  name: 'wait',
  input: z.object({}),
  result: z.object({}),
  retry: { maxAttempts: 2 },
  run: ({ signal, progress }) => {
    progress(1, 'waiting');
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
  },
});

/** Times out, late enough for a test to do something about it first. */
export const linger = defineAction({
  name: 'linger',
  input: z.object({}),
  result: z.object({}),
  timeoutMs: 3_000,
  retry: { maxAttempts: 1 },
  run: () => new Promise<Record<string, never>>(() => {}),
});

/** Says how far it is, and then so many bytes, as a result or as the details of a refusal. */
export const report = defineAction({
  name: 'report',
  input: z.object({ bytes: z.number(), refused: z.boolean() }),
  result: z.object({ text: z.string() }),
  run: async ({ input, progress }) => {
    progress(10);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const text = 'x'.repeat(input.bytes);
    if (input.refused) throw new PermanentError('refused', 'm', [text]);
    return { text };
  },
});
