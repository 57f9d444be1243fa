import type { BegunAttempt } from '@errand/actions/execution';
import type { Verdict } from '@errand/bus';
import { afterAll, expect, test } from 'vitest';
import { Announcement, remoteAction } from './remote-action.ts';
import { createRemoteAttempts } from './remote-attempts.ts';

const attempts = createRemoteAttempts(60_000);
afterAll(() => attempts[Symbol.dispose]());

const announcement = Announcement.parse({ name: 'add', input_schema: {}, result_schema: {} });
const signal = new AbortController().signal;

test('a job that comes once more while it is at work here takes no slot, and its attempt is not over', async () => {
  const { loaded, claims } = remoteAction(announcement, attempts);
  const { action, outside } = loaded;
  const claiming = claims.claim({ slots: 2, waitMs: 60_000, signal });
  const attempt = { jobId: 'j', input: {}, signal } as unknown as BegunAttempt;
  const working = outside?.admit('j', async (): Promise<Verdict> => {
    await action.run(attempt);
    return { kind: 'done' };
  });
  const [given] = await claiming;
  const again = claims.claim({ slots: 1, waitMs: 60_000, signal });
  expect(await outside?.admit('j', async () => ({ kind: 'again', afterMs: 1 }))).toEqual({
    kind: 'again',
    afterMs: 1,
  });
  expect(claims.free()).toBe(1);
  expect(await given?.end({ returned: 1 }, 'one')).toBe('settled');
  expect(await working).toEqual({ kind: 'done' });
  expect(attempts.find(given?.token ?? '')?.attempt).toBeUndefined();
  expect(await attempts.find(given?.token ?? '')?.end({ returned: 1 }, 'one')).toBe('settled');
  expect(await attempts.find(given?.token ?? '')?.end({ returned: 2 }, 'two')).toBe('otherwise');
  expect(outside?.admit('k', async () => ({ kind: 'done' }))).toBeDefined();
  void again;
});

test('an attempt is not silent before its claim is answered', async () => {
  using strict = createRemoteAttempts(40);
  const attempt = { jobId: 'j', input: {}, signal } as unknown as BegunAttempt;
  const { loaded } = remoteAction(announcement, strict);
  const handed = Promise.withResolvers<Parameters<Parameters<typeof strict.run>[2]>[0]>();
  const running = strict.run(loaded.action, attempt, handed.resolve);
  const remote = await handed.promise;
  const over = AbortSignal.timeout(200);
  await remote.untilStopped(over);
  expect(remote.stopped()).toBeUndefined();
  remote.handOut();
  await expect(running).rejects.toThrow('worker_lost');
});
