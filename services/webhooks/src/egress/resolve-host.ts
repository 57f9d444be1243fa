import { lookup, Resolver } from 'node:dns/promises';
import { createLimiter } from '@errand/runtime';

/*
 * Names → addresses, for webhooks. The system's resolver works off the four threads that files and hashes use too, so
 * one tenant's dead name server could stall the process; c-ares has no threads to exhaust. It reads no hosts file.
 *
 *   an answer                   is remembered for its TTL, 5 s at least and 60 s at most
 *   a failure                   for 5 s
 *   the same name, asked twice  is looked up once
 *   more than 256 at once       wait for their turn
 */

/** Resolves to all addresses of a name. Rejects with an error whose `code` is one of node:dns. */
export type ResolveHost = (hostname: string) => Promise<readonly string[]>;

/** What a name server says: addresses with their time to live in seconds. */
export type QueryHost = (hostname: string) => Promise<readonly { address: string; ttl: number }[]>;

const MIN_TTL_MS = 5_000;
const MAX_TTL_MS = 60_000;
const FAILURE_TTL_MS = 5_000;
const MAX_REMEMBERED = 10_000;
const MAX_QUERIES = 256;

/** Asks the name servers of this machine directly, for 2 s and twice. */
export function createNameServerQuery(): QueryHost {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 });
  return async (hostname) => {
    const answers = await Promise.allSettled([
      resolver.resolve4(hostname, { ttl: true }),
      resolver.resolve6(hostname, { ttl: true }),
    ]);
    const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    const [v4] = answers;
    if (found.length === 0 && v4.status === 'rejected') throw v4.reason;
    return found;
  };
}

/** Asks the operating system, with its hosts file and its search domains. */
export function createSystemQuery(): QueryHost {
  return async (hostname) =>
    (await lookup(hostname, { all: true })).map(({ address }) => ({ address, ttl: 0 }));
}

interface Remembered {
  readonly addresses: Promise<readonly string[]>;
  /** Infinite while it is being looked up. */
  untilMs: number;
}

/** Remembers what `query` answers, within the limits above. */
export function createHostResolver(query: QueryHost, now: () => number = Date.now): ResolveHost {
  const remembered = new Map<string, Remembered>();
  const limited = createLimiter(MAX_QUERIES);

  function remember(hostname: string, entry: Remembered): void {
    remembered.delete(hostname);
    remembered.set(hostname, entry);
    const [oldest] = remembered.keys();
    if (remembered.size > MAX_REMEMBERED && oldest !== undefined) remembered.delete(oldest);
  }

  return (hostname) => {
    const known = remembered.get(hostname);
    if (known && known.untilMs > now()) return known.addresses;
    const looking = limited(() => query(hostname));
    const entry: Remembered = {
      addresses: looking.then((found) => found.map(({ address }) => address)),
      untilMs: Number.POSITIVE_INFINITY,
    };
    looking.then(
      (found) => {
        const ttlMs = Math.min(...found.map(({ ttl }) => ttl * 1_000));
        entry.untilMs = now() + Math.min(MAX_TTL_MS, Math.max(MIN_TTL_MS, ttlMs));
      },
      () => {
        entry.untilMs = now() + FAILURE_TTL_MS;
      },
    );
    // Whoever asks handles the rejection; the copy that is kept must not count as unhandled.
    entry.addresses.catch(() => {});
    remember(hostname, entry);
    return entry.addresses;
  };
}
