import { expect, test } from 'vitest';
import { startIdleProcess } from './idle-process.ts';
import { runsWith } from './processes.ts';
import { type Child, supervise } from './supervise.ts';

/** Starts idle processes and reports each start. */
function idleStarts() {
  const starts: Child[] = [];
  let told = Promise.withResolvers<void>();
  return {
    starts,
    async start() {
      const child = await startIdleProcess('supervised-idle');
      starts.push(child);
      return child;
    },
    onRestarted() {
      told.resolve();
      told = Promise.withResolvers();
    },
    restarted: () => told.promise,
  };
}

test('a child that is killed is started again, with one line', async () => {
  const idle = idleStarts();
  const lines: string[] = [];
  const supervised = await supervise({ name: 'idle', ...idle, say: (line) => lines.push(line) });
  const firstPid = supervised.pid;
  const restarted = idle.restarted();
  idle.starts[0]?.kill('SIGKILL');
  await restarted;
  expect(supervised.pid).not.toBe(firstPid);
  expect(lines).toEqual(['idle ended (SIGKILL); starting it again']);
  await supervised.stop();
  expect(idle.starts).toHaveLength(2);
  expect(await runsWith(supervised.pid, 'supervised-idle')).toBe(false);
});

test('a start that fails is reported and retried', async () => {
  const idle = idleStarts();
  const lines: string[] = [];
  let calls = 0;
  const supervised = await supervise({
    name: 'idle',
    onRestarted: idle.onRestarted,
    say: (line) => lines.push(line),
    start: async () => {
      calls += 1;
      if (calls === 2) throw new Error('no room');
      return idle.start();
    },
  });
  const restarted = idle.restarted();
  idle.starts[0]?.kill('SIGTERM');
  await restarted;
  expect(lines).toEqual(['idle ended (SIGTERM); starting it again', 'idle did not start: no room']);
  await supervised.stop();
});

test('a final end is reported once and not repaired', async () => {
  const idle = idleStarts();
  const givenUp = Promise.withResolvers<unknown>();
  const supervised = await supervise({
    name: 'idle',
    ...idle,
    say: () => {},
    isFinal: ({ signal }) => signal === 'SIGKILL',
    onGivenUp: async (exit) => givenUp.resolve(exit),
  });
  idle.starts[0]?.kill('SIGKILL');
  expect(await givenUp.promise).toEqual({ code: null, signal: 'SIGKILL' });
  await supervised.stop();
  expect(idle.starts).toHaveLength(1);
});

test('the first start may fail, and then nothing is supervised', async () => {
  const start = () => Promise.reject(new Error('no room'));
  await expect(supervise({ name: 'idle', start, say: () => {}, onRestarted: () => {} })).rejects.toThrow(
    'no room',
  );
});

test('a child that lives but does not work is ended and started again, and one that was busy for a moment is not', async () => {
  const idle = idleStarts();
  const lines: string[] = [];
  const troubles = ['off', 'off', undefined, 'off', 'off', 'off'];
  const supervised = await supervise({
    name: 'idle',
    onRestarted: idle.onRestarted,
    say: (line) => lines.push(line),
    healthIntervalMs: 1,
    start: async () => ({ ...(await idle.start()), trouble: async () => troubles.shift() }),
  });
  const firstPid = supervised.pid;
  await idle.restarted();
  expect(supervised.pid).not.toBe(firstPid);
  expect(troubles).toEqual([]);
  expect(lines).toEqual([
    'idle is running but not working (off); stopping it',
    'idle ended (SIGTERM); starting it again',
  ]);
  await supervised.stop();
  expect(idle.starts).toHaveLength(2);
});
