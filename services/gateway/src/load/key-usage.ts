import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Gauge, type Ops } from '@errand/runtime';
import { z } from 'zod';

/*
 * What each key has cost this gateway lately: in the current window and in the one before it, each with its own tallies.
 * Time is that of reading, checking and writing JSON, and of reading lists: requests can make these long.
 * Bytes are those of connections, heads included.
 */

const WINDOW_MS = 60_000;
/** So many keys have tallies of their own; those that come later in a window are counted together. */
const MAX_KEYS = 1_000;
const TOLD = 10;
const OTHERS = 'others';

const Tally = z.object({
  requests: z.int(),
  refused: z
    .int()
    .meta({ description: 'With 429 for what the key had under way, or with 503 under overload.' }),
  busy_ms: z.number().meta({ description: 'Of reading, checking and writing JSON.' }),
  read_ms: z.number().meta({ description: 'Of reading lists, most of it in Postgres.' }),
  bytes_in: z.int(),
  bytes_out: z.int(),
});
type Tally = z.infer<typeof Tally>;

const UsageView = Tally.extend({ under_way: z.int(), connections: z.int() });
export const KeyUsageView = z.object({
  since: z.iso.datetime(),
  keys: z.array(UsageView.extend({ key_id: z.string(), tenant_id: z.string(), name: z.string() })),
  others: UsageView,
});
export type KeyUsageView = z.infer<typeof KeyUsageView>;

/** What is under way by key at this moment. */
type UnderWay = ReadonlyMap<string, readonly (ServerResponse | undefined)[]>;

export interface KeyUsage {
  add(keyId: string, cost: Partial<Tally>): void;
  /** What a connection has carried since it was last asked for. */
  bytesOf(outgoing: ServerResponse | undefined): Pick<Tally, 'bytes_in' | 'bytes_out'>;
  /** The keys that cost most, by what each of them has the largest share of. */
  report(underWay: UnderWay, describe: (keyId: string) => { tenant_id: string; name: string }): KeyUsageView;
}

const none = (): Tally => ({ requests: 0, refused: 0, busy_ms: 0, read_ms: 0, bytes_in: 0, bytes_out: 0 });
/** Below this total, even the key with the largest share costs nobody anything. */
const LITTLE: z.infer<typeof UsageView> = {
  requests: 100,
  refused: 10,
  busy_ms: 100,
  read_ms: 100,
  bytes_in: 1_000_000,
  bytes_out: 1_000_000,
  under_way: 10,
  connections: 10,
};

export function createKeyUsage(now: () => number = Date.now): KeyUsage {
  let window = { since: now(), tallies: new Map<string, Tally>() };
  let before: typeof window | undefined;
  const carried = new WeakMap<Socket, { read: number; written: number }>();

  function turnPage(): void {
    const ageMs = now() - window.since;
    if (ageMs < WINDOW_MS) return;
    before = ageMs < 2 * WINDOW_MS ? window : undefined;
    window = { since: now(), tallies: new Map() };
  }

  return {
    add(keyId, cost) {
      turnPage();
      const { tallies } = window;
      const name = tallies.has(keyId) || tallies.size < MAX_KEYS ? keyId : OTHERS;
      tallies.set(name, sumOf(tallies.get(name) ?? none(), { ...none(), ...cost }));
    },
    bytesOf(outgoing) {
      const socket = outgoing?.req.socket;
      if (!socket) return { bytes_in: 0, bytes_out: 0 };
      const last = carried.get(socket) ?? { read: 0, written: 0 };
      const { bytesRead: read, bytesWritten: written } = socket;
      carried.set(socket, { read, written });
      return { bytes_in: read - last.read, bytes_out: written - last.written };
    },
    report(underWay, describe) {
      turnPage();
      const tallies = [window.tallies, before?.tallies ?? new Map<string, Tally>()];
      const keyIds = new Set([...tallies.flatMap((each) => [...each.keys()]), ...underWay.keys()]);
      const all = [...keyIds].map((keyId) => {
        const open = underWay.get(keyId) ?? [];
        const tally = sumOf(window.tallies.get(keyId) ?? none(), before?.tallies.get(keyId) ?? none());
        const connections = new Set(open.map((outgoing) => outgoing?.req.socket)).size;
        return { keyId, usage: { ...tally, under_way: open.length, connections } };
      });
      const total = all.reduce((sum, { usage }) => sumOf(sum, usage), emptyUsage());
      const weightOf = (usage: typeof total) =>
        Math.max(...fieldsOf(usage).map((field) => usage[field] / Math.max(total[field], LITTLE[field])));
      const named = all.filter(({ keyId }) => keyId !== OTHERS);
      const told = named.toSorted((a, b) => weightOf(b.usage) - weightOf(a.usage)).slice(0, TOLD);
      const others = all.filter((each) => !told.includes(each)).map(({ usage }) => usage);
      return {
        since: new Date((before ?? window).since).toISOString(),
        keys: told.map(({ keyId, usage }) => {
          const { tenant_id, name } = describe(keyId);
          return { key_id: keyId, tenant_id, name, ...usage };
        }),
        others: others.reduce((sum, usage) => sumOf(sum, usage), emptyUsage()),
      };
    },
  };
}

const emptyUsage = () => ({ ...none(), under_way: 0, connections: 0 });

function fieldsOf<T extends object>(tally: T): (keyof T)[] {
  return Object.keys(tally) as (keyof T)[];
}

function sumOf<T extends Record<string, number>>(a: T, b: T): T {
  return Object.fromEntries(fieldsOf(a).map((field) => [field, (a[field] ?? 0) + (b[field] ?? 0)])) as T;
}

/** The same report as metrics. A key is named by the first characters of its id. */
export function measureKeyUsage({ metrics }: Pick<Ops, 'metrics'>, report: () => KeyUsageView): void {
  const figures = {
    errand_key_requests: ['requests', 'Requests of a key'],
    errand_key_refused_requests: [
      'refused',
      'Requests of a key that were refused for what it had under way, or under overload',
    ],
    errand_key_busy_ms: ['busy_ms', 'Time that went into reading, checking and writing the JSON of a key'],
    errand_key_read_ms: ['read_ms', 'Time that went into reading lists of a key, most of it in Postgres'],
    errand_key_received_bytes: ['bytes_in', 'Bytes that came with a key'],
    errand_key_sent_bytes: ['bytes_out', 'Bytes that went to callers with a key'],
    errand_key_requests_under_way: ['under_way', 'Requests of a key at this moment'],
    errand_key_connections: ['connections', 'Connections with requests of a key at this moment'],
  } as const;
  const gauges = Object.entries(figures).map(([name, [field, about]], index) => {
    const isNow = field === 'under_way' || field === 'connections';
    const gauge = new Gauge({
      name,
      help: `${about}${isNow ? '' : ', in the last one to two minutes'}; of the ten keys that cost most`,
      labelNames: ['tenant', 'key'],
      registers: [metrics],
      // The first one is collected first, and brings the figures of all.
      collect: () => {
        if (index === 0) setAll();
      },
    });
    return { gauge, field };
  });
  function setAll(): void {
    const { keys, others } = report();
    for (const { gauge, field } of gauges) {
      gauge.reset();
      for (const key of keys) gauge.set({ tenant: key.tenant_id, key: key.key_id.slice(0, 12) }, key[field]);
      gauge.set({ tenant: OTHERS, key: OTHERS }, others[field]);
    }
  }
}

/** Connections that send nothing, or no key, belong to no key's usage, so they are counted by themselves. */
export function measureConnections(
  { metrics }: Pick<Ops, 'metrics'>,
  count: { all: () => number; withKey: () => number },
): void {
  new Gauge({
    name: 'errand_connections',
    help: 'Open connections, by whether a request with a known key has come over them',
    labelNames: ['key'],
    registers: [metrics],
    collect() {
      this.set({ key: 'any' }, count.withKey());
      this.set({ key: 'none' }, count.all() - count.withKey());
    },
  });
}
