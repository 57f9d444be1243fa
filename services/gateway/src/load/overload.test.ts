import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createLoadCheck, createOverloadRefusal, limitAppends } from './overload.ts';

/** A process in which each request takes its time, by a clock of the test's own. */
function createLoad() {
  const clock = { ms: 0 };
  const load = createLoadCheck(() => clock.ms);
  /** One turn of the event loop with so many requests, and how many of them were refused. */
  async function turn(requests: number, requestMs: number): Promise<number> {
    let refused = 0;
    for (let request = 0; request < requests; request++) {
      if (load() !== 'bearable') refused++;
      else clock.ms += requestMs;
    }
    await setImmediate();
    return refused;
  }
  return { clock, turn };
}

test('a burst, and a request that takes long, refuse nobody', async () => {
  const { clock, turn } = createLoad();
  expect(await turn(900, 1)).toBe(0);
  expect(await turn(10, 1)).toBe(0);
  for (let times = 0; times < 20; times++) {
    expect(await turn(2, 500)).toBe(0);
    clock.ms += 600;
  }
});

test('under a load that lasts a turn takes what it can, and refuses no more once the load is over', async () => {
  const { clock, turn } = createLoad();
  for (let turns = 0; turns < 133; turns++) expect(await turn(150, 1)).toBe(0);
  for (let turns = 0; turns < 150; turns++) await turn(150, 1);
  expect(await turn(150, 1)).toBe(49);
  clock.ms += 1_000;
  expect(await turn(150, 1), 'a moment of rest ends nothing').toBe(49);
  clock.ms += 10_000;
  expect(await turn(10, 1)).toBe(0);
  expect(await turn(150, 1)).toBe(0);
});

test('of very many requests at once, those that would wait for three seconds are refused', async () => {
  const { turn } = createLoad();
  expect(await turn(2_900, 1)).toBe(0);
  expect(await turn(3_500, 1)).toBe(499);
});

test('too many appends at the same time are refused, and more are taken once some are done', async () => {
  const done = Promise.withResolvers<string>();
  const append = limitAppends((_job: number) => done.promise, 3);
  const first = [1, 2, 3].map(append);
  await expect(append(4)).rejects.toMatchObject({ code: 'overloaded' });
  done.resolve('stored');
  expect(await Promise.all(first)).toEqual(['stored', 'stored', 'stored']);
  expect(await append(5)).toBe('stored');
});

const answer = () => ({ status: 503, headers: {}, body: '' });
const keyIdOf = (authorization = '') => authorization;
const onRefused = () => {};

test('operators and health checks are always answered', () => {
  const refuse = createOverloadRefusal({
    load: () => 'flooded',
    share: { isHeavy: () => true },
    answer,
    keyIdOf,
    onRefused,
  });
  const refused = (url: string) => refuse({ url, headers: {} } as never) !== undefined;
  expect(['/healthz', '/readyz', '/metrics', '/admin/keys/1'].map(refused)).toEqual(Array(4).fill(false));
  expect(['/v2/tenants/a/jobs', '/docs', '/administer'].map(refused)).toEqual(Array(3).fill(true));
});

test('those who cause an overload are refused, and the others only once there is too much for all', () => {
  const share = { isHeavy: (caller: string) => caller === 'Bearer attacker' };
  const refusedAt = (load: 'overloaded' | 'flooded') => {
    const refuse = createOverloadRefusal({ load: () => load, share, answer, keyIdOf, onRefused });
    return ['Bearer attacker', 'Bearer neighbour'].map(
      (authorization) => refuse({ url: '/v2', headers: { authorization } } as never) !== undefined,
    );
  };
  expect(refusedAt('overloaded')).toEqual([true, false]);
  expect(refusedAt('flooded')).toEqual([true, true]);
});
