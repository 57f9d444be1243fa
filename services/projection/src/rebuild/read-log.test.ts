import { randomUUIDv7 } from 'node:crypto';
import type { AuditEntry, AuditPage } from '@errand/bus';
import { eventSubject, type JobFact, type RecordedEvent, toJobEvent } from '@errand/contracts';
import { REQUEST } from '@errand/domain/testing';
import type { Db } from '@errand/postgres';
import { expect, test } from 'vitest';
import { type LongLogDeps, readLongLog } from './read-log.ts';
import type { PageWriter } from './write-pages.ts';

const BEGINNING = { position: 0, version: 0, events: 0, skipped: 0 };
const requested: JobFact = { type: 'JobRequested', data: REQUEST };
const succeeded: JobFact = { type: 'JobSucceeded', data: { attempt: 1, result: 1, duration_ms: 1 } };

function entriesOf(facts: readonly [string, JobFact][]): AuditEntry[] {
  return facts.map(([jobId, fact], index) => {
    const ref = { tenantId: 'acme', action: 'add', jobId };
    const about = { id: randomUUIDv7(), jobId, source: '/errand/test', timeMs: Date.now() } as const;
    const recorded: RecordedEvent = { ref, version: index + 1, event: toJobEvent(fact, about) };
    const text = JSON.stringify(recorded.event);
    return {
      position: index + 1,
      version: index + 1,
      filedMs: 0,
      subject: eventSubject(ref, fact),
      text,
      data: Buffer.from(text),
      decoded: { kind: 'event', recorded },
    };
  });
}

/** A log in pages of two entries that ends without saying so, as it does when it is cut off behind the last page. */
function logOf(entries: readonly AuditEntry[]): LongLogDeps['bus'] {
  return {
    audit: {
      async *read({ afterPosition = 0 }): AsyncGenerator<AuditPage, void, undefined> {
        const wanted = entries.filter(({ position }) => position > afterPosition);
        for (let from = 0; from < wanted.length; from += 2) {
          const page = wanted.slice(from, from + 2);
          yield { entries: page, position: page.at(-1)?.position ?? 0, remaining: 1 };
        }
      },
    },
  };
}

function depsOf(entries: readonly AuditEntry[], writeJobs: PageWriter['writeJobs']) {
  const merged: number[] = [];
  const writer: LongLogDeps['writer'] = {
    writeJobs,
    async write(events, record) {
      merged.push(...events.map(({ version }) => version));
      await record({} as Db, 0);
    },
  };
  const { signal } = new AbortController();
  const record = async () => {};
  const deps = { bus: logOf(entries), writer, now: Date.now, signal, pageSize: 4, sinceMs: 0, record };
  return { deps, merged };
}

test('a job that is held when the log ends is written', async () => {
  const id = randomUUIDv7();
  const written: string[] = [];
  const { deps } = depsOf(entriesOf([[id, requested]]), async ({ fresh }) => {
    written.push(...fresh.ids);
  });
  expect(await readLongLog(BEGINNING, deps)).toEqual({ position: 1, version: 1, events: 1, skipped: 0 });
  expect(written).toEqual([id]);
});

test('what Postgres refuses is folded event by event, from the place reached to what was read by then', async () => {
  const [a, b, c, d] = [randomUUIDv7(), randomUUIDv7(), randomUUIDv7(), randomUUIDv7()];
  const entries = entriesOf(
    [a, b, c, d].flatMap((id) => [
      [id, requested],
      [id, succeeded],
    ]),
  );
  const written: string[] = [];
  const { deps, merged } = depsOf(entries, async ({ fresh }) => {
    if (fresh.ids.includes(c)) throw Object.assign(new Error('there is one'), { code: '23505' });
    written.push(...fresh.ids);
  });
  expect(await readLongLog(BEGINNING, deps)).toEqual({ position: 8, version: 8, events: 8, skipped: 0 });
  expect([written, merged]).toEqual([
    [a, b],
    [5, 6, 7, 8],
  ]);
});

test("any other failure is the caller's", async () => {
  const { deps } = depsOf(entriesOf([[randomUUIDv7(), requested]]), async () => {
    throw new Error('the connection is gone');
  });
  await expect(readLongLog(BEGINNING, deps)).rejects.toThrow('the connection is gone');
});
