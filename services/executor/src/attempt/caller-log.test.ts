import type { JobLogEntry } from '@errand/contracts';
import { expect, test } from 'vitest';
import { type CallerLog, createCallerLog } from './caller-log.ts';

const LIMITS = { callerLogBytesPerS: 65_536, logAttemptBytes: 1_000_000 };

function telling(
  parts: { limits?: Partial<typeof LIMITS>; store?: (entries: JobLogEntry[]) => Promise<boolean> } = {},
) {
  const stored: JobLogEntry[] = [];
  let lost = 0;
  const log = createCallerLog({
    limits: { ...LIMITS, ...parts.limits },
    async store(entries) {
      const isStored = (await parts.store?.(entries)) ?? true;
      if (isStored) stored.push(...entries);
      return isStored;
    },
    now: () => 0,
    onLost: () => lost++,
  });
  return { log, entries: () => stored, lost: () => lost };
}

const lines = (log: CallerLog, count: number, message = 'line') => {
  for (let n = 0; n < count; n++) log.line(message);
};

test('what is told is stored in its order, once, with numbers and times', async () => {
  const { log, entries } = telling();
  log.line('first', { fields: { a: 1 } });
  log.output('{"b":[2]}');
  log.line('third', { cut_of_bytes: 900 });
  await log.end();
  const time = '1970-01-01T00:00:00.000Z';
  expect(entries()).toEqual([
    { type: 'log', number: 1, time, message: 'first', fields: { a: 1 } },
    { type: 'output', number: 2, time, value: { b: [2] } },
    { type: 'log', number: 3, time, message: 'third', cut_of_bytes: 900 },
  ]);
});

test('what is more than a second allows is dropped, and counted', async () => {
  const { log, entries } = telling();
  lines(log, 100, 'x'.repeat(1_000));
  await log.end();
  const told = entries();
  const last = told.at(-1);
  const kept = told.filter(({ type }) => type === 'log').length;
  expect(kept).toBeGreaterThan(50);
  expect(kept).toBeLessThan(66);
  expect(last).toMatchObject({ type: 'dropped', number: 100, count: 100 - kept });
});

test('what is more than an attempt may tell is dropped too, and so is what was dropped before', async () => {
  const { log, entries } = telling({ limits: { logAttemptBytes: 500 } });
  lines(log, 10);
  log.dropLine();
  await log.end();
  const kept = entries().filter(({ type }) => type === 'log').length;
  expect(kept).toBeGreaterThan(3);
  expect(entries().at(-1)).toMatchObject({ type: 'dropped', number: 11, count: 11 - kept });
});

test('what cannot be stored is counted as dropped, before what was told meanwhile', async () => {
  const gate = Promise.withResolvers<boolean>();
  let calls = 0;
  const { log, entries, lost } = telling({ store: async () => (++calls === 1 ? gate.promise : true) });
  lines(log, 3);
  await expect.poll(() => calls).toBe(1);
  log.line('meanwhile');
  gate.resolve(false);
  await expect.poll(() => lost()).toBe(1);
  log.line('again');
  await log.end();
  expect(entries()).toMatchObject([
    { type: 'dropped', number: 3, count: 3 },
    { type: 'log', number: 4, message: 'meanwhile' },
    { type: 'log', number: 5, message: 'again' },
  ]);
});

test('what cannot be stored again and again is counted once', async () => {
  let calls = 0;
  const { log, entries } = telling({ store: async () => ++calls > 2 });
  lines(log, 2);
  await expect.poll(() => calls).toBe(1);
  log.line('third');
  await expect.poll(() => calls, { timeout: 5_000 }).toBeGreaterThan(2);
  await log.end();
  expect(entries()).toMatchObject([{ type: 'dropped', number: 3, count: 3 }]);
});

test('an end waits for what is under way, and nothing is told after it', async () => {
  const gate = Promise.withResolvers<boolean>();
  const { log, entries } = telling({ store: () => gate.promise });
  log.line('one');
  const ended = log.end();
  log.line('late');
  gate.resolve(true);
  await ended;
  expect(entries()).toMatchObject([{ number: 1, message: 'one' }]);
});
