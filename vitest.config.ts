import { defineConfig } from 'vitest/config';

const GLOBAL_SETUP = './libs/testkit/src/global-setup.ts';
const UNIT = '**/*.test.ts';
const INTEGRATION = '**/*.int.test.ts';
const E2E = 'tests/e2e/**/*.e2e.test.ts';
const ADOPT = 'tests/adopt/**/*.adopt.test.ts';
const CONTRACT = 'tests/contract/**/*.contract.test.ts';
const CHART = 'deploy/test/**/*.chart.test.ts';
const NEVER = ['**/node_modules/**', '**/.errand/**', '**/template/**'];
/** A busy machine takes its time; what holds at once is seen at once. */
const PATIENT = { poll: { timeout: 15_000 } };

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          sequence: { groupOrder: 0 },
          include: [UNIT],
          exclude: [...NEVER, INTEGRATION, E2E, CONTRACT, ADOPT, CHART],
          // To load modules anew for each file would take more than half of the time; these tests leave nothing behind.
          isolate: false,
          // Properties take a second or two; a busy machine takes its time for them.
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'integration',
          sequence: { groupOrder: 1 },
          include: [INTEGRATION],
          exclude: NEVER,
          isolate: false,
          unstubEnvs: true,
          globalSetup: GLOBAL_SETUP,
          expect: PATIENT,
          // Each file brings servers of its own beside its worker, and waits for half of its time.
          maxWorkers: 4,
          testTimeout: 30_000,
          hookTimeout: 180_000,
        },
      },
      {
        test: {
          name: 'e2e',
          sequence: { groupOrder: 2 },
          include: [E2E],
          exclude: NEVER,
          globalSetup: GLOBAL_SETUP,
          expect: PATIENT,
          // Two whole systems beside each other: most of what they do is to wait. With three all are slower.
          maxWorkers: 2,
          maxConcurrency: 4,
          testTimeout: 120_000,
          hookTimeout: 180_000,
        },
      },
      {
        test: {
          name: 'contract',
          sequence: { groupOrder: 3 },
          include: [CONTRACT],
          exclude: NEVER,
          globalSetup: GLOBAL_SETUP,
          expect: PATIENT,
          // Each file brings a system of its own, and waits for others' programs.
          maxWorkers: 2,
          testTimeout: 600_000,
          hookTimeout: 180_000,
        },
      },
      {
        test: {
          name: 'adopt',
          sequence: { groupOrder: 4 },
          include: [ADOPT],
          exclude: NEVER,
          expect: PATIENT,
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 180_000,
        },
      },
      {
        test: {
          name: 'chart',
          sequence: { groupOrder: 5 },
          include: [CHART],
          exclude: NEVER,
          testTimeout: 120_000,
        },
      },
    ],
  },
});
