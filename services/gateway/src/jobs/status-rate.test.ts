import { expect, test } from 'vitest';
import { Refusal } from '../http/problem.ts';
import type { Ctx } from '../http/request-log.ts';
import { createStatusRate } from './status-rate.ts';

function setUp(rates: Record<string, number>) {
  const clock = { ms: 1_000 };
  const limitsOf = (id: string) => ({ limits: { status_requests_per_second: rates[id] } });
  const admit = createStatusRate({ peek: limitsOf }, () => clock.ms);
  const ask = (tenantId: string) => {
    const c = { env: {} } as Ctx;
    try {
      admit(c, tenantId);
      return c.env.rateLimit ?? 'free';
    } catch (error) {
      if (error instanceof Refusal) return error.options.headers?.['retry-after'];
      throw error;
    }
  };
  return { clock, ask };
}

test('status requests beyond the rate are refused, until there is time for another one', () => {
  const { clock, ask } = setUp({ a: 2, b: 0.5 });
  expect([ask('a'), ask('a'), ask('a')]).toEqual([
    { 'ratelimit-policy': '"status";q=2;w=1', ratelimit: '"status";r=1;t=1' },
    { 'ratelimit-policy': '"status";q=2;w=1', ratelimit: '"status";r=0;t=1' },
    '1',
  ]);
  expect([ask('b'), ask('b')]).toEqual([expect.anything(), '2']);
  clock.ms += 500;
  expect([ask('a'), ask('a')]).toEqual([expect.anything(), '1']);
  clock.ms += 1_500;
  expect([ask('b'), ask('b')]).toEqual([expect.anything(), '2']);
});

test('at any time of day, as many may come at once as the rate says', () => {
  const { clock, ask } = setUp({ slow: 0.01, three: 3 });
  const answers = Array.from({ length: 500 }, () => {
    clock.ms += 200_000.1 + Math.SQRT1_2;
    return [ask('slow'), ask('three'), ask('three'), ask('three')];
  });
  expect(answers.flat().filter((answer) => typeof answer === 'string')).toEqual([]);
});

test('who has no such limit is not counted', () => {
  const { ask } = setUp({});
  expect(Array.from({ length: 100 }, () => ask('a'))).toEqual(Array(100).fill('free'));
});
