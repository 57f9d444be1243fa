import { randomUUIDv7 } from 'node:crypto';
import { type JobFact, type RecordedEvent, toJobEvent } from '@errand/contracts';
import { expect, test } from 'vitest';
import { createJobWatch } from '../job-watch.ts';
import { eventStream } from './event-stream.ts';

const ref = { tenantId: 'acme', action: 'simulate', jobId: randomUUIDv7() };

function recorded(version: number, fact: JobFact): RecordedEvent {
  const id = randomUUIDv7();
  return {
    ref,
    version,
    event: toJobEvent(fact, { id, jobId: ref.jobId, source: '/errand/test', timeMs: 0 }),
  };
}

const started = recorded(1, { type: 'JobStarted', data: { attempt: 1, executor_id: 'e' } });
const progressed = (version: number) =>
  recorded(version, { type: 'JobProgressed', data: { attempt: 1, percent: version, message: 'a\nb' } });
const canceled = (version: number) => recorded(version, { type: 'JobCanceled', data: { by: 'test' } });

/** A stream of a job whose log the test writes, and the count of reads of that log. */
function openStream(pages: RecordedEvent[]) {
  let tell = () => {};
  const watch = createJobWatch(
    {
      onStored(_filter, { onEvent }) {
        tell = () => onEvent({ ref, type: 'JobProgressed', version: 0, follows: 0, decode: () => undefined });
        return () => {};
      },
    },
    new AbortController().signal,
  );
  const log = { events: pages, reads: 0, isDown: false };
  const changes = watch.follow(ref, { signals: [new AbortController().signal] });
  const read = async () => {
    log.reads++;
    if (log.isDown) throw new Error('down');
    return log.events;
  };
  const readPage = async (after: number) => ({
    events: pages.filter(({ version }) => version > after).slice(0, 2),
    hasMore: pages.some(({ version }) => version > after + 2),
  });
  const first = { events: pages.slice(0, 2), hasMore: pages.length > 2 };
  const reader = eventStream({ changes, first, readPage, read, after: 0 }).getReader();
  const next = async () => new TextDecoder().decode((await reader.read()).value);
  const ids = async () => [...(await next()).matchAll(/^id: (\d+)$/gm)].map(([, id]) => id);
  return {
    log,
    reader,
    changes,
    watch,
    next,
    ids,
    store(...events: RecordedEvent[]) {
      log.events = events;
      tell();
    },
  };
}

test('events come as frames whose data is one line', async () => {
  const { next } = openStream([progressed(2), started]);
  const lines = (await next()).split('\n');
  expect(lines.slice(0, 4)).toEqual(['retry: 2000', '', 'id: 1', 'event: JobStarted']);
  const data = lines.filter((line) => line.startsWith('data: ')).map((line) => JSON.parse(line.slice(6)));
  expect(data).toMatchObject([{ version: 1 }, { version: 2, data: { message: 'a\nb' } }]);
  expect(lines.length).toBe(11);
});

test('what had happened comes page by page, and is not read again as the newest', async () => {
  const { ids, log, reader } = openStream([
    started,
    progressed(2),
    progressed(3),
    progressed(4),
    canceled(5),
  ]);
  expect([await ids(), await ids(), await ids()]).toEqual([['1', '2'], ['3', '4'], ['5']]);
  expect((await reader.read()).done).toBe(true);
  expect(log.reads).toBe(0);
});

test('while nobody reads, nothing is read from the log', async () => {
  const { ids, log, store } = openStream([started]);
  expect(await ids()).toEqual(['1']);
  for (let version = 2; version < 100; version++) store(started, progressed(version));
  await new Promise(setImmediate);
  expect(log.reads).toBe(0);
  expect(await ids()).toEqual(['99']);
});

test('a log that is down at the ending is read again in a moment', async () => {
  const { ids, log, store, reader } = openStream([started]);
  expect(await ids()).toEqual(['1']);
  log.isDown = true;
  const ending = ids();
  store(started, canceled(5));
  await new Promise(setImmediate);
  log.isDown = false;
  expect(await ending).toEqual(['5']);
  expect((await reader.read()).done).toBe(true);
});

test('an ending of which nobody was told comes with the next beat', async () => {
  const { ids, log, changes, reader } = openStream([started]);
  await ids();
  const ending = ids();
  log.events = [started, canceled(5)];
  changes.nudge();
  expect(await ending).toEqual(['5']);
  expect((await reader.read()).done).toBe(true);
});

test('a beat is a comment, and a reader that cancels is followed no longer', async () => {
  const { ids, next, reader, changes, watch } = openStream([started]);
  await ids();
  const beat = next();
  changes.nudge();
  expect(await beat).toBe(':\n\n');
  await reader.cancel();
  expect(watch.size()).toBe(0);
});
