import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { RULES } from '../conformance/rules.ts';
import { type RuleOutcome, runConformance } from '../conformance/run-conformance.ts';

/* Each run has servers of its own, and waits for most of its time: several go on at once. */

const ALL_KEPT = RULES.map(({ id }) => `${id} kept`);
const WHOLE_MS = 300_000;
/** As short as a busy machine allows, since tests wait in vain for what a broken executor never does. */
const LITTLE_PATIENCE_MS = 20_000;

const OWN = [
  'exec env ERRAND_OPS_PORT=0 ERRAND_ACTIONS_WATCH_MS=0',
  `ERRAND_ACTIONS='${fileURLToPath(new URL('../conformance/conformance-actions.ts', import.meta.url))}'`,
  `'${process.execPath}' '${fileURLToPath(new URL('../../services/executor/src/main.ts', import.meta.url))}'`,
].join(' ');
const PYTHON_FILE = new URL('../../examples/python-executor/conformance_actions.py', import.meta.url);
const PYTHON = `exec python3 -B '${fileURLToPath(PYTHON_FILE)}'`;
const REMOTE_FILE = fileURLToPath(new URL('../conformance/remote-executor.ts', import.meta.url));
const REMOTE = `exec '${process.execPath}' '${REMOTE_FILE}'`;
const BROKEN_FILE = new URL('../conformance/broken_executor.py', import.meta.url);
const BROKEN = `exec python3 -B '${fileURLToPath(BROKEN_FILE)}'`;

test.concurrent('the executor service keeps every rule of the protocol', { timeout: WHOLE_MS }, async () => {
  expect(standings(await runConformance({ executor: { command: OWN } }))).toEqual(ALL_KEPT);
});

test.concurrent('an executor of the Python standard library keeps every rule', {
  timeout: WHOLE_MS,
}, async () => {
  expect(standings(await runConformance({ executor: { command: PYTHON } }))).toEqual(ALL_KEPT);
});

test.concurrent('an executor with remote workers keeps every rule', { timeout: WHOLE_MS }, async () => {
  expect(standings(await runConformance({ executor: { command: REMOTE } }))).toEqual(ALL_KEPT);
});

/** How an executor is broken, the rules that must detect it, and one that it still keeps. */
const BREAKS = [
  { how: 'guard', broken: ['P6'], kept: 'P8' },
  { how: 'double', broken: ['P8', 'P9'], kept: 'P12' },
  { how: 'deaf', broken: ['P11'], kept: 'P8' },
  { how: 'lease', broken: ['P4'], kept: 'P8' },
  { how: 'loop', broken: ['P23'], kept: 'P12' },
  { how: 'leak', broken: ['P13'], kept: 'P8' },
  { how: 'hurry', broken: ['P14', 'P15'], kept: 'P8' },
  { how: 'shape', broken: ['P5'], kept: 'P8' },
  { how: 'rude', broken: ['P18'], kept: 'P17' },
  { how: 'rerun', broken: ['P10'], kept: 'P8' },
  { how: 'silent', broken: ['P21'], kept: 'P8' },
  { how: 'blind', broken: ['P6', 'P9'], kept: 'P8' },
  { how: 'hoard', broken: ['P3'], kept: 'P8' },
  { how: 'grabbing', broken: ['P20'], kept: 'P8' },
  { how: 'timid', broken: ['P17'], kept: 'P8' },
  { how: 'selfish', broken: ['P22'], kept: 'P8' },
  { how: 'again,immortal', broken: ['P2', 'P19'], kept: 'P10' },
  {
    how: 'short,inline,quiet,faint,hopeful,endless',
    broken: ['P1', 'P24', 'P25', 'P7', 'P12', 'P16'],
    kept: 'P8',
  },
];

test.concurrent.each(BREAKS)('an executor broken by "$how" breaks $broken', async ({ how, broken, kept }) => {
  const outcomes = await runConformance({
    executor: { command: `CONFORMANCE_BREAK=${how} ${BROKEN}` },
    only: [...broken, kept],
    patienceMs: LITTLE_PATIENCE_MS,
  });
  expect(standings(outcomes).toSorted()).toEqual(
    [...broken.map((id) => `${id} broken`), `${kept} kept`].toSorted(),
  );
});

function standings(outcomes: readonly RuleOutcome[]): string[] {
  return outcomes.map(({ id, outcome, seen }) =>
    outcome === 'broken' ? brokenLine(id, seen) : `${id} ${outcome}`,
  );
}

/** The reporter prints what was observed. */
function brokenLine(id: string, seen: string): string {
  console.log(`${id}: ${seen}`);
  return `${id} broken`;
}
