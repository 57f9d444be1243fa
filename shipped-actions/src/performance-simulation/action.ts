import { defineAction } from '@errand/actions';
import { performanceInput } from './input.ts';
import { performanceResult } from './result.ts';
import { simulateYear } from './simulate-year.ts';

const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];

/**
 * Simulates the hourly yield of a design over one year; reports progress once a month, and each retry starts
 * afresh.
 */
export const performanceSimulation = defineAction({
  name: 'performance_simulation',
  version: '1',
  description: 'Simulates the hourly energy yield of a photovoltaic design over one year.',
  resource: 'designs/{design_id}',
  input: performanceInput,
  result: performanceResult,
  retry: { maxAttempts: 5 },
  timeoutMs: 600_000,
  concurrency: 2,
  thread: 'worker',
  async run({ input, signal, progress }) {
    return simulateYear(input, {
      signal,
      onMonth: ({ month }) => progress(Math.round((month * 100) / 12), `${MONTHS[month - 1]} done`),
    });
  },
});
