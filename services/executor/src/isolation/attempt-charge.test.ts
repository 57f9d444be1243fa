import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { idleHooks } from '../../test/hooks.ts';
import { chargeAttempt, jobInContext, openCharge } from './attempt-charge.ts';

const open = () => openCharge('j', idleHooks(new AbortController().signal));

test('an attempt at work is charged with what is thrown in its context, and fails', async () => {
  using charge = open();
  expect(charge.run(() => chargeAttempt(new TypeError('left behind')))).toBe(true);
  expect(await charge.failed).toMatchObject({
    kind: 'failed',
    error: { code: 'action_failed' },
    cause: expect.stringContaining('TypeError: left behind'),
  });
});

test('nobody is charged outside of attempts, and with what comes after the end of one', () => {
  const charge = open();
  expect(chargeAttempt(new Error('of the process'))).toBe(false);
  charge[Symbol.dispose]();
  expect(charge.run(() => [chargeAttempt(new Error('late')), jobInContext()])).toEqual([false, 'j']);
});

test.each([
  ['an Error', new Error('connection reset')],
  ['no Error', 'connection reset'],
])('nobody is charged with the error event of an emitter: %s', (_, thrown) => {
  using charge = open();
  const charged = charge.run(() => {
    try {
      return new EventEmitter().emit('error', thrown);
    } catch (error) {
      return chargeAttempt(error);
    }
  });
  expect(charged).toBe(false);
});

test('what a hook does is no part of the attempt that calls it', () => {
  const seen: unknown[] = [];
  const hooks = {
    ...idleHooks(new AbortController().signal),
    progress: () => void seen.push(jobInContext()),
  };
  using charge = openCharge('j', hooks);
  charge.run(() => charge.hooks.progress(1));
  expect(seen).toEqual([undefined]);
});
