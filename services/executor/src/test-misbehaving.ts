import { EventEmitter } from 'node:events';
import { connect, createServer } from 'node:net';
import { exit } from 'node:process';
import { defineAction, z } from '@errand/actions';

/* Test-only: what actions may do to the process that runs them, beside actions that do nothing of the kind. */

const never = () => new Promise<never>(() => {});
const leaks: unknown[] = [];

const untouchable = () =>
  new Proxy(
    {},
    {
      get() {
        throw new Error('not to be read');
      },
      getPrototypeOf() {
        throw new Error('not to be looked at');
      },
    },
  );

function fillMemory(): never {
  for (;;) leaks.push(new Array(500_000).fill(leaks.length));
}

function overflow(): number {
  return 1 + overflow();
}

async function openSocketThatFails(): Promise<void> {
  const server = createServer((socket) => socket.resetAndDestroy()).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  connect((server.address() as { port: number }).port, '127.0.0.1');
  server.unref();
}

/** Each fails its attempt, and the process goes on. */
export const FAULTS: Record<string, () => unknown> = {
  timer_throws() {
    setTimeout(() => {
      throw new Error('thrown by a timer');
    }, 20);
    return never();
  },
  floating_rejection() {
    void Promise.reject(new Error('nobody waits for this'));
    return never();
  },
  floating_async_function() {
    void (async () => {
      await null;
      throw new Error('nobody waits for this one');
    })();
    return never();
  },
  next_tick_throws() {
    process.nextTick(() => {
      throw new Error('thrown in a tick');
    });
    return never();
  },
  microtask_throws() {
    queueMicrotask(() => {
      throw new Error('thrown in a microtask');
    });
    return never();
  },
  timer_throws_null() {
    setTimeout(() => {
      throw null;
    }, 20);
    return never();
  },
  floating_rejection_of_undefined() {
    void Promise.reject();
    return never();
  },
  timer_throws_proxy() {
    setTimeout(() => {
      throw untouchable();
    }, 20);
    return never();
  },
  rejects_with_proxy: () => Promise.reject(untouchable()),
  throws_undefined() {
    throw undefined;
  },
  exits: () => process.exit(0),
  exits_by_name: () => exit(0),
  exits_later() {
    setTimeout(() => process.exit(0), 20);
    return never();
  },
  aborts: () => process.abort(),
  kills_itself() {
    process.kill(process.pid, 'SIGKILL');
    return never();
  },
  overflows_the_stack: overflow,
  overflows_the_stack_later() {
    setTimeout(overflow, 20);
    return never();
  },
  throws_as_json: () => ({
    toJSON() {
      throw new Error('no JSON');
    },
  }),
};

/** Each takes its process down, or keeps it from answering. */
const KILLERS: Record<string, () => unknown> = {
  loops() {
    for (;;) Math.random();
  },
  loops_in_microtasks() {
    const again = () => queueMicrotask(again);
    again();
    return never();
  },
  fills_memory: fillMemory,
};

/** Each harms nothing: the attempt succeeds, and what it leaves behind is charged to nobody. */
export const LEFTOVERS: Record<string, () => unknown> = {
  throws_for_ever_after() {
    setInterval(() => {
      throw new Error('long after the end');
    }, 5).unref();
    return {};
  },
  emits_an_error_after() {
    setTimeout(() => new EventEmitter().emit('error', new Error('nobody listens')), 5).unref();
    return {};
  },
  exits_after() {
    setTimeout(() => process.exit(0), 5).unref();
    return {};
  },
  async leaves_a_socket_that_fails() {
    await openSocketThatFails();
    await new Promise((resolve) => setTimeout(resolve, 50));
    return {};
  },
  replaces_the_console() {
    console.log = () => {
      throw new Error('no console');
    };
    process.stdout.end();
    return {};
  },
};

/** Each answers nothing, which its timeout ends. */
export const SILENCES: Record<string, () => unknown> = {
  never_settles: never,
  loops: () => KILLERS.loops?.(),
  loops_in_microtasks: () => KILLERS.loops_in_microtasks?.(),
};

const options = {
  input: z.object({ way: z.string() }),
  result: z.unknown(),
  retry: { maxAttempts: 2, firstDelayMs: 10, maxDelayMs: 10 },
  // Longer than a busy machine takes to start a thread or a process.
  timeoutMs: 40_000,
  concurrency: 40,
  run: ({ input: { way } }: { input: { way: string } }) =>
    (FAULTS[way] ?? KILLERS[way] ?? LEFTOVERS[way])?.(),
};
const inThread = { thread: 'worker', concurrency: 2 } as const;
export const misbehave = defineAction({ ...options, name: 'misbehave' });
export const misbehave_in_thread = defineAction({ ...options, ...inThread, name: 'misbehave_in_thread' });

const silent = {
  ...options,
  timeoutMs: 2_000,
  run: ({ input: { way } }: { input: { way: string } }) => SILENCES[way]?.(),
};
export const outlast = defineAction({ ...silent, name: 'outlast' });
export const outlast_in_thread = defineAction({ ...silent, ...inThread, name: 'outlast_in_thread' });

const patient = {
  input: z.object({ ms: z.number() }),
  result: z.object({ ms: z.number() }),
  concurrency: 40,
  run: async ({ input: { ms } }: { input: { ms: number } }) => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return { ms };
  },
};
export const innocent = defineAction({ ...patient, name: 'innocent' });
export const innocent_in_thread = defineAction({
  ...patient,
  ...inThread,
  name: 'innocent_in_thread',
});

/** Reports the process that it runs in, and goes on for longer than any test; also without answering anything. */
export const tell_pid = defineAction({
  name: 'tell_pid',
  input: z.object({ loops: z.boolean() }),
  result: z.unknown(),
  timeoutMs: 60_000,
  async run({ input: { loops }, attempt, progress }) {
    progress(1, String(process.pid));
    // The first attempt has the process of the others.
    if (loops && attempt > 1) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      for (;;) Math.random();
    }
    return never();
  },
});

/** One at a time, each for longer than a lease and an executor live. */
export const loops_one_by_one = defineAction({
  name: 'loops_one_by_one',
  input: z.object({}),
  result: z.unknown(),
  retry: { maxAttempts: 2 },
  timeoutMs: 60_000,
  concurrency: 1,
  run() {
    for (;;) Math.random();
  },
});
