import { setTimeout as sleep } from 'node:timers/promises';
import { defineAction, PermanentError, z } from '@errand/actions';

/* What the console's tests run. */

const io = { input: z.record(z.string(), z.unknown()), result: z.record(z.string(), z.unknown()) };

/** Gives back what it was sent. */
export const echo = defineAction({
  ...io,
  name: 'echo',
  description: 'Gives back what it was sent',
  run: ({ input }) => input,
});

/** A form of every kind of field. */
export const quote = defineAction({
  name: 'quote',
  resource: 'customers/{customer_id}',
  description: 'Prices an order',
  input: z.object({
    order: z.string().describe('Its number'),
    amount: z.number().min(0),
    units: z.int().optional(),
    priority: z.enum(['low', 'high']),
    gift: z.boolean().optional(),
    lines: z.array(z.object({ sku: z.string(), count: z.int() })),
    note: z.string().nullable().optional(),
    extra: z.unknown().optional(),
  }),
  result: z.object({ order: z.string(), lines: z.int() }),
  run: ({ input }) => ({ order: input.order, lines: input.lines.length }),
});

/** Fails at once, for a reason in its input. */
export const refuse = defineAction({
  name: 'refuse',
  input: z.object({ code: z.string().optional() }),
  result: z.object({}),
  run: ({ input }) => {
    throw new PermanentError(input.code ?? 'too_steep', 'The roof is too steep.');
  },
});

/** Reports progress until it has made `steps` of them, somebody answers, if it is to ask, or it is canceled. */
export const walk = defineAction({
  name: 'walk',
  input: z.object({ steps: z.int(), ms: z.int(), ask: z.string().optional() }),
  result: z.object({ steps: z.int() }),
  concurrency: 16,
  async run({ input, progress, signal }) {
    let isAnswered = false;
    const answer = () => {
      isAnswered = true;
    };
    if (input.ask !== undefined) void fetch(input.ask, { signal }).then(answer, answer);
    for (let step = 1; step <= input.steps && !isAnswered; step++) {
      progress(Math.round((step / input.steps) * 100), `step ${step}`);
      await sleep(input.ms, undefined, { signal });
    }
    return { steps: input.steps };
  },
});

/** Works for a while in each of three attempts, and fails. */
export const stumble = defineAction({
  name: 'stumble',
  description: 'Fails after three attempts',
  input: z.object({ ms: z.int() }),
  result: z.object({}),
  retry: { maxAttempts: 3, firstDelayMs: 700 },
  async run({ input, progress }) {
    progress(40, 'asking the pricing service');
    await sleep(input.ms);
    throw new Error('the pricing service did not answer');
  },
});

/** Tells callers its lines and a part of its result, and ends once somebody answers, if it is to ask. */
export const tell = defineAction({
  name: 'tell',
  input: z.object({ lines: z.array(z.string()), ask: z.string().optional() }),
  result: z.object({}),
  logs: 'caller',
  async run({ input, log, output }) {
    for (const [index, line] of input.lines.entries()) log(line, { nr: index });
    output({ told: input.lines.length });
    if (input.ask !== undefined) await fetch(input.ask);
    log('nothing more to tell');
    return {};
  },
});
