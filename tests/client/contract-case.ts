import type * as client from '@errand/client';

/** The servers that a run of the suite calls. It is JSON, so that any runtime can receive it. */
export interface Targets {
  /** A system with the actions of this folder. */
  readonly url: string;
  readonly tenant: string;
  readonly apiKey: string;
  readonly scriptedUrl: string;
  /** An address where nobody listens. */
  readonly deadUrl: string;
}

export interface World {
  readonly sdk: typeof client;
  readonly targets: Targets;
  /** A client of the system. */
  readonly errand: client.Errand;
}

/** Rejects if the client breaks what the case is named for. Runs in browsers too, so it uses no API of Node. */
export type Cases = Readonly<Record<string, (world: World) => Promise<void>>>;

/** Compares both as JSON, and so ignores undefined members. */
export function assertEqual(actual: unknown, expected: unknown, what = 'values differ'): void {
  const [a, b] = [stable(actual), stable(expected)];
  if (a !== b) throw new Error(`${what}: got ${a}, expected ${b}`);
}

export function assert(fact: unknown, what: string): asserts fact {
  if (!fact) throw new Error(what);
}

/** What a promise rejects with. */
export async function failureOf(
  promise: Promise<unknown>,
): Promise<client.ErrandError & Record<string, unknown>> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ('error' in outcome) return outcome.error as client.ErrandError & Record<string, unknown>;
  throw new Error(`resolved with ${JSON.stringify(outcome.value)} instead of rejecting`);
}

export async function collect<T>(items: AsyncIterable<T>, atMost = Number.POSITIVE_INFINITY): Promise<T[]> {
  const taken: T[] = [];
  if (atMost === 0) return taken;
  for await (const item of items) {
    taken.push(item);
    if (taken.length >= atMost) break;
  }
  return taken;
}

/** Polls until there is something. */
export async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function stable(value: unknown): string | undefined {
  return JSON.stringify(value, (_, member) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}
