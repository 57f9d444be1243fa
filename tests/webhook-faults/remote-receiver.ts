import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Requests in the order of arrival, one column per field. */
export interface Arrivals {
  /** `webhook-id` of each. */
  readonly eventIds: string[];
  readonly paths: string[];
  /** By `monotonicMs`, when the body had been read. */
  readonly atMs: number[];
}

export type Asked =
  | { kind: 'take' }
  | { kind: 'until'; count: number }
  | { kind: 'open' }
  | { kind: 'first' }
  | { kind: 'drop' };

/** Endpoints in their own process, so that they do not share an event loop with the code that measures. */
export interface RemoteReceiver extends AsyncDisposable {
  readonly pid: number;
  /** One base URL for each port. */
  readonly urls: readonly string[];
  /** What has arrived since the last call. */
  take(): Promise<Arrivals>;
  /** Resolves when `count` requests have come since the last `take`. Rejects after `timeoutMs`, default 120 s. */
  until(count: number, timeoutMs?: number): Promise<void>;
  /** How many requests are unanswered. */
  open(): Promise<number>;
  /** The first request that ever came. */
  first(): Promise<{ headers: Record<string, string>; body: string }>;
  /** Cuts all connections. */
  drop(): Promise<void>;
}

const FILE = fileURLToPath(new URL('./receiver-process.ts', import.meta.url));
const ANSWER_MS = 30_000;
const UNTIL_MS = 120_000;

/** Starts a receiver that answers 200 after `delayMs`, or never if that is infinite. */
export async function startRemoteReceiver(options: {
  ports: number;
  delayMs: number;
}): Promise<RemoteReceiver> {
  const delay = Number.isFinite(options.delayMs) ? String(options.delayMs) : 'never';
  const child = fork(FILE, [String(options.ports), delay], { serialization: 'advanced', execArgv: [] });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const exited = once(child, 'exit').then(() => process.off('exit', kill));
  const [{ ports }] = (await once(child, 'message')) as [{ ports: number[] }];
  const waiting = new Map<number, (answer: object) => void>();
  let asked = 0;
  child.on('message', ({ id, ...answer }: { id: number }) => {
    waiting.get(id)?.(answer);
    waiting.delete(id);
  });
  async function ask<T>(question: Asked, timeoutMs = ANSWER_MS): Promise<T> {
    const id = ++asked;
    const { promise, resolve, reject } = Promise.withResolvers<object>();
    waiting.set(id, resolve);
    const timer = setTimeout(
      () => reject(new Error(`the receiver did not answer ${JSON.stringify(question)} in ${timeoutMs} ms`)),
      timeoutMs,
    );
    child.send({ id, ...question });
    return promise.finally(() => clearTimeout(timer)) as Promise<T>;
  }
  return {
    pid: child.pid as number,
    urls: ports.map((port) => `http://127.0.0.1:${port}`),
    take: async () => (await ask<{ arrivals: Arrivals }>({ kind: 'take' })).arrivals,
    until: (count, timeoutMs = UNTIL_MS) => ask({ kind: 'until', count }, timeoutMs),
    open: async () => (await ask<{ open: number }>({ kind: 'open' })).open,
    first: async () =>
      (await ask<{ first: { headers: Record<string, string>; body: string } }>({ kind: 'first' })).first,
    drop: () => ask({ kind: 'drop' }),
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}
