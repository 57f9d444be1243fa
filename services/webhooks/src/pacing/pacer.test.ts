import { expect, test } from 'vitest';
import { CLOSED } from './breaker.ts';
import { createPacer, type Send } from './pacer.ts';
import type { QueueKey, Row } from './queue-pages.ts';

/* A store, a network and a clock that exist in this file only; the pacer and the queues are the real ones. */

interface Endpoint {
  readonly key: QueueKey;
  readonly origin: string;
  /** How it answers, and after how long; null for one that is not answered at all. */
  answer: () => { ok: boolean; afterMs: number };
  /** Rows that are due; they are made up when they are read. */
  backlog: number;
  calls: number;
  rowsRead: number;
  mostUnderWay: number;
}

const TIMEOUT_MS = 15_000;

function simulate(slots: number, storeMs = 0) {
  const endpoints = new Map<string, Endpoint>();
  const events: { timeMs: number; happen: () => void }[] = [];
  let nowMs = 0;
  let seed = 1;
  let made = 0;
  const random = () => {
    seed = (seed * 16_807) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  const pacer = createPacer<Row>({
    slots,
    limitsOf: ({ endpointId }) => ({
      maxConcurrency: 16,
      maxRps: null,
      origin: endpoints.get(endpointId)?.origin ?? '',
    }),
    breakerOf: () => CLOSED,
  });
  const later = (timeMs: number, happen: () => void) => events.push({ timeMs, happen });
  const of = (key: QueueKey) => endpoints.get(key.endpointId) as Endpoint;

  function send(sent: Send<Row>): void {
    const endpoint = of(sent.queue);
    endpoint.calls++;
    endpoint.mostUnderWay = Math.max(endpoint.mostUnderWay, sent.queue.state.underWay.size);
    const { ok, afterMs } = endpoint.answer();
    const timedOut = afterMs >= TIMEOUT_MS;
    later(nowMs + Math.min(afterMs, TIMEOUT_MS), () => {
      // A failed delivery is due again behind the others, which the backlog stands for.
      if (!ok) endpoint.backlog++;
      const failed = { timedOut, overloaded: timedOut, heldUntilMs: null };
      pacer.answered(sent, { nowMs, random: random(), ok, ...failed });
      later(nowMs + storeMs, () => pacer.stored(sent, null));
    });
  }

  function settle(): void {
    for (;;) {
      const { sends, reads } = pacer.next(nowMs);
      if (sends.length + reads.length === 0) return;
      for (const sent of sends) send(sent);
      for (const read of reads) {
        const endpoint = of(read.queue);
        const rowsOf = (most: number) => {
          const count = Math.max(0, Math.min(endpoint.backlog, most));
          endpoint.backlog -= count;
          endpoint.rowsRead += count;
          return Array.from({ length: count }, () => ({ event_id: `${made++}`, due_at_text: '' }));
        };
        // As a table would answer, where the rows to pass over are still pending.
        const seen = read.after ? [] : [...read.passOver].map((event_id) => ({ event_id, due_at_text: '' }));
        const newest = rowsOf(read.fresh - read.passOver.size);
        const oldest = [...seen, ...rowsOf(read.limit - seen.length)];
        pacer.readDone(read, { oldest, newest }, nowMs);
      }
    }
  }

  return {
    pacer,
    add(
      name: string,
      about: { answer: Endpoint['answer']; backlog: number; tenantId?: string; origin?: string },
    ): Endpoint {
      const key = { endpointId: name, tenantId: about.tenantId ?? name, shard: 0 };
      const { answer, backlog, origin = name } = about;
      const endpoint: Endpoint = { key, origin, answer, backlog, calls: 0, rowsRead: 0, mostUnderWay: 0 };
      endpoints.set(name, endpoint);
      return endpoint;
    },
    /** Lets time pass; every `sweepMs` all endpoints with a backlog are found. */
    run(untilMs: number, sweepMs = 2_000): void {
      let sweepAtMs = nowMs;
      while (nowMs < untilMs) {
        if (nowMs >= sweepAtMs) {
          for (const { key, backlog } of endpoints.values())
            if (backlog > 0) pacer.found(key, { dueMs: nowMs, fresh: false }, nowMs);
          pacer.tick(nowMs);
          sweepAtMs = nowMs + sweepMs;
        }
        settle();
        events.sort((a, b) => a.timeMs - b.timeMs);
        nowMs = Math.min(untilMs, sweepAtMs, events[0]?.timeMs ?? untilMs, pacer.wakeAtMs());
        while (events[0] && events[0].timeMs <= nowMs) events.shift()?.happen();
      }
    },
  };
}

const FAST = () => ({ ok: true, afterMs: 10 });
const REFUSING = () => ({ ok: false, afterMs: 1 });
const HANGING = () => ({ ok: false, afterMs: TIMEOUT_MS });
const HOURS_72 = 72 * 3_600_000;

test.each([
  ['refuses', REFUSING, 100_000],
  ['refuses', REFUSING, 10],
  ['hangs', HANGING, 100_000],
])(
  'an endpoint that %s for 72 h gets at most 320 calls, and as few of its rows are read',
  (_, answer, backlog) => {
    const system = simulate(1_000);
    const dead = system.add('dead', { answer, backlog });
    system.run(HOURS_72, 60_000);
    expect(dead.calls).toBeGreaterThan(250);
    expect(dead.calls).toBeLessThanOrEqual(320);
    expect(dead.rowsRead).toBeLessThanOrEqual(dead.calls + 20);
  },
);

test('an endpoint that comes back is found by the next probe and drained', () => {
  const system = simulate(100);
  let alive = false;
  const endpoint = system.add('e', { answer: () => (alive ? FAST() : REFUSING()), backlog: 5_000 });
  system.run(3_600_000);
  alive = true;
  system.run(3_600_000 + 1_200_000);
  expect(endpoint.backlog).toBe(0);
  expect(system.pacer.inUse).toBe(0);
});

test('hanging endpoints never hold more than half of the slots, and healthy ones get through beside them', () => {
  const system = simulate(100);
  for (let index = 0; index < 100; index++) system.add(`h${index}`, { answer: HANGING, backlog: 1_000 });
  const healthy = Array.from({ length: 10 }, (_, index) =>
    system.add(`ok${index}`, { answer: FAST, backlog: 1 }),
  );
  system.run(30_000);
  for (const endpoint of healthy) endpoint.backlog = 1_000;
  system.run(40_000);
  for (const endpoint of healthy) expect(endpoint.calls).toBe(1_001);
});

test('a tenant and an origin hold no more than a quarter of the slots each', () => {
  const system = simulate(40);
  const underWay = (match: (key: QueueKey & { origin: string }) => boolean) =>
    [...system.pacer.queues()].filter(match).reduce((sum, queue) => sum + queue.state.underWay.size, 0);
  let most = { tenant: 0, origin: 0 };
  const answer = () => {
    most = {
      tenant: Math.max(
        most.tenant,
        underWay(({ tenantId }) => tenantId === 'big'),
      ),
      origin: Math.max(
        most.origin,
        underWay(({ origin }) => origin === 'shared'),
      ),
    };
    return { ok: true, afterMs: 100 };
  };
  for (let index = 0; index < 20; index++) {
    system.add(`t${index}`, { answer, backlog: 500, tenantId: 'big' });
    system.add(`o${index}`, { answer, backlog: 500, origin: 'shared' });
  }
  system.run(600_000);
  expect(most).toEqual({ tenant: 10, origin: 10 });
  for (const queue of system.pacer.queues()) expect(queue.page).toEqual([]);
});

test('turns are shared: a small queue is not behind the backlog of a large one', () => {
  const system = simulate(8);
  const answer = () => ({ ok: true, afterMs: 100 });
  const large = system.add('large', { answer, backlog: 100_000 });
  const small = Array.from({ length: 6 }, (_, index) => system.add(`s${index}`, { answer, backlog: 50 }));
  system.run(60_000);
  for (const endpoint of small) expect(endpoint.backlog).toBe(0);
  expect(large.calls).toBeGreaterThan(0);
});

test('a queue holds a page in memory, however many rows wait', () => {
  const system = simulate(1_000);
  const endpoint = system.add('e', { answer: () => ({ ok: true, afterMs: 1_000 }), backlog: 1_000_000 });
  let most = 0;
  for (let seconds = 1; seconds < 120; seconds++) {
    system.run(seconds * 1_000);
    for (const queue of system.pacer.queues())
      most = Math.max(most, queue.page.length + queue.state.underWay.size);
  }
  expect(endpoint.mostUnderWay).toBe(16);
  expect(most).toBeLessThanOrEqual(64);
});

test('queues of a shard that is given up begin nothing more, and give their slots back', () => {
  const system = simulate(100);
  const endpoint = system.add('e', { answer: () => ({ ok: true, afterMs: 5_000 }), backlog: 100 });
  system.run(5_001);
  expect(system.pacer.inUse).toBe(4);
  system.pacer.forgetShards(new Set([0]));
  endpoint.backlog = 0;
  system.run(20_000);
  expect([endpoint.calls, system.pacer.inUse]).toEqual([5, 0]);
});

test('an attempt that is answered makes room in its queue, and keeps its slot until its result is stored', () => {
  const system = simulate(100, 10_000);
  const endpoint = system.add('e', { answer: FAST, backlog: 1_000, tenantId: 'acme' });
  system.run(5_000);
  expect([endpoint.calls, system.pacer.inUse]).toEqual([25, 25]);
  expect(endpoint.mostUnderWay).toBeLessThanOrEqual(16);
  endpoint.backlog = 0;
  system.run(60_000);
  expect(system.pacer.inUse).toBe(0);
});
