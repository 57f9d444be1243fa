import { setTimeout as pause } from 'node:timers/promises';
import { defineAction } from '@errand/actions';
import { z } from 'zod';

const AT_ONCE = 32;
const PAUSE_MS = 20;

/** Tells callers as many kilobytes as it is asked for, in lines of one each, 32 at a time. */
export const talk = defineAction({
  name: 'talk',
  input: z.object({ kilobytes: z.int().min(1) }),
  result: z.object({}),
  concurrency: 16,
  logs: 'caller',
  async run({ input, log }) {
    for (let told = 0; told < input.kilobytes; told++) {
      log(`${told} `.padEnd(1_000, 'x'));
      if (told % AT_ONCE === 0) await pause(PAUSE_MS);
    }
    return {};
  },
});
