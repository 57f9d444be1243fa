import { randomInt } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { hotPathCommands } from './hot-path/hot-path-commands.ts';
import { openHotPathRound } from './hot-path/hot-path-round.ts';
import { type HotPathSystem, startHotPathSystem } from './hot-path/hot-path-system.ts';

/*
 * Gateways, executors, callers and admins do what they may in any order, to jobs of two tenants, while schedulers take over
 * from each other. The scheduler and the log are real; `hot-path-rules.ts` says what must hold of the log. ERRAND_MODEL_RUNS
 * makes more of it, ERRAND_MODEL_SEED the same again.
 */

vi.setConfig({ testTimeout: 120_000 });

const RUNS = Number(process.env.ERRAND_MODEL_RUNS || 25);
const SEED = Number(process.env.ERRAND_MODEL_SEED || randomInt(2 ** 31));
const MOST_COMMANDS = 80;

let system: HotPathSystem;
beforeAll(async () => {
  system = await startHotPathSystem();
});
afterAll(async () => {
  await system?.[Symbol.asyncDispose]();
});

test(`jobs keep to their order, their limits and their turns, and come to an end (seed ${SEED})`, async () => {
  const commands = fc.commands(hotPathCommands, { maxCommands: MOST_COMMANDS, size: 'max' });
  const property = fc.asyncProperty(commands, async (sequence) => {
    await using round = openHotPathRound(system);
    await round.setLimits(0, { max_running: 1 }, false);
    const model = { jobs: 0, schedulers: system.schedulers };
    await fc.asyncModelRun(() => ({ model, real: round }), sequence);
    await round.finish();
    expect(round.broken).toEqual([]);
  });
  // What happens beside the commands is not the same in a second run, so a shorter sequence is not looked for.
  await fc.assert(property, { numRuns: RUNS, seed: SEED, endOnFailure: true });
});
