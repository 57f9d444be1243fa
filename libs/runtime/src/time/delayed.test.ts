import { expect, test } from 'vitest';
import { createDelayed } from './delayed.ts';

test('a call that is asked for several times is made once, and again for what asks meanwhile', async () => {
  const stopped = new AbortController();
  const twice = Promise.withResolvers<void>();
  let calls = 0;
  const ask = createDelayed(
    async () => {
      if (++calls === 1) ask();
      else twice.resolve();
    },
    { afterMs: 1, signal: stopped.signal, onError: () => {} },
  );
  ask();
  ask();
  await twice.promise;
  expect(calls).toBe(2);
  stopped.abort();
});

test('a call that failed is told and made again', async () => {
  const stopped = new AbortController();
  const done = Promise.withResolvers<void>();
  const errors: unknown[] = [];
  let calls = 0;
  const ask = createDelayed(
    async () => {
      if (++calls < 3) throw new Error(`no ${calls}`);
      done.resolve();
    },
    { afterMs: 1, signal: stopped.signal, onError: (error) => errors.push(error) },
  );
  ask();
  await done.promise;
  expect(errors).toEqual([new Error('no 1'), new Error('no 2')]);
  stopped.abort();
});
