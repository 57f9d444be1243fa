import { expect, test } from 'vitest';
import { waitUntil } from './wait-until.ts';

test('waitUntil resolves to the first truthy value', async () => {
  let calls = 0;
  const value = await waitUntil(() => (++calls === 3 ? `call ${calls}` : undefined), { intervalMs: 1 });
  expect(value).toBe('call 3');
});

test('waitUntil continues after an error of the check', async () => {
  let calls = 0;
  const check = () => {
    if (++calls === 1) throw new Error('not yet');
    return calls;
  };
  expect(await waitUntil(check, { intervalMs: 1 })).toBe(2);
});

test('waitUntil throws with the last value that it saw', async () => {
  await expect(waitUntil(() => false, { timeoutMs: 1, intervalMs: 1 })).rejects.toThrow('last seen: false');
});

test('waitUntil throws with the last error that it saw', async () => {
  const check = () => Promise.reject(new Error('refused'));
  await expect(waitUntil(check, { timeoutMs: 1, intervalMs: 1 })).rejects.toThrow(
    'last seen: Error: refused',
  );
});
