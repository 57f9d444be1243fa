import { JOBS_STREAM } from '@errand/contracts';
import { foldJob } from '@errand/domain';
import { startTestNats, type TestNats } from '@errand/testkit';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Bus } from '../src/bus.ts';
import { EventTooLarge, LogUnavailable } from '../src/errors.ts';
import { connectionOf } from '../src/testing.ts';
import { eventOf, newJob, openTestBus, requested, started } from './bus.ts';

let nats: TestNats;
let bus: Bus;
beforeAll(async () => {
  nats = await startTestNats();
  bus = await openTestBus(nats.url);
});
afterAll(async () => {
  await bus?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

async function appendRequest() {
  const ref = newJob();
  const outcome = await bus.jobs.append({ ref, event: requested(ref), expectedVersion: 0 });
  if (outcome.kind !== 'appended') throw new Error(outcome.kind);
  return { ref, version: outcome.version };
}

describe('append', () => {
  test('writes an event whose version is its stream sequence', async () => {
    const { ref, version } = await appendRequest();
    const [recorded] = await bus.jobs.read(ref);
    expect(recorded).toMatchObject({ ref, version, event: { type: 'JobRequested', subject: ref.jobId } });
  });

  test('answers conflict, and writes nothing, when another event of the job came first', async () => {
    const { ref, version } = await appendRequest();
    await bus.jobs.append({ ref, event: started(ref), expectedVersion: version });
    const conflicts = bus.jobs.conflicts();
    const late = await bus.jobs.append({ ref, event: started(ref), expectedVersion: version });
    expect(late).toEqual({ kind: 'conflict' });
    expect(bus.jobs.conflicts()).toBe(conflicts + 1);
    expect((await bus.jobs.read(ref)).length).toBe(2);
  });

  test('answers conflict for a second request of the same job in another lane', async () => {
    const { ref } = await appendRequest();
    const second = await bus.jobs.append({ ref, event: requested(ref), expectedVersion: 0, lane: 'held' });
    expect(second).toEqual({ kind: 'conflict' });
  });

  test('has one winner among many writers at the same version', async () => {
    const { ref, version } = await appendRequest();
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, () =>
        bus.jobs.append({ ref, event: started(ref), expectedVersion: version }),
      ),
    );
    expect(outcomes.filter(({ kind }) => kind === 'appended').length).toBe(1);
  });

  test('gives the same answer when the very same event is appended again', async () => {
    const { ref, version } = await appendRequest();
    const event = started(ref);
    const first = await bus.jobs.append({ ref, event, expectedVersion: version });
    expect(await bus.jobs.append({ ref, event, expectedVersion: version })).toEqual(first);
    expect((await bus.jobs.read(ref)).length).toBe(2);
  });

  test('still gives that answer after later events of the same type', async () => {
    const { ref, version } = await appendRequest();
    const event = started(ref);
    const first = await bus.jobs.append({ ref, event, expectedVersion: version });
    if (first.kind !== 'appended') throw new Error(first.kind);
    await bus.jobs.append({ ref, event: started(ref), expectedVersion: first.version });
    expect(await bus.jobs.append({ ref, event, expectedVersion: version })).toEqual(first);
  });

  test('refuses an event that the server would not take, and says how large it may be', async () => {
    const { ref, version } = await appendRequest();
    const event = eventOf(ref, {
      type: 'JobSucceeded',
      data: { attempt: 1, result: 'x'.repeat(3_000_000), duration_ms: 1 },
    });
    const append = bus.jobs.append({ ref, event, expectedVersion: version });
    await expect(append).rejects.toBeInstanceOf(EventTooLarge);
  });

  test('settles an append whose acknowledgement was lost', async () => {
    const { ref, version } = await appendRequest();
    const event = started(ref);
    // A publisher too impatient for any answer does not know what it stored.
    const deaf = await openTestBus(nats.url, 0);
    const outcome = await deaf.jobs.append({ ref, event, expectedVersion: version });
    await deaf[Symbol.asyncDispose]();
    const stored = (await bus.jobs.read(ref)).find((recorded) => recorded.event.id === event.id);
    expect(outcome).toEqual({ kind: 'appended', version: stored?.version });
  });
});

describe('with a full log', () => {
  test('append throws LogUnavailable at once and older events stay', async () => {
    const { ref, version } = await appendRequest();
    const jsm = await jetstreamManager(connectionOf(bus));
    const { config } = await jsm.streams.info(JOBS_STREAM);
    await jsm.streams.update(JOBS_STREAM, { ...config, max_bytes: 1 });
    const append = bus.jobs.append({ ref, event: started(ref), expectedVersion: version });
    await expect(append).rejects.toThrow('the log is full');
    await jsm.streams.update(JOBS_STREAM, config);
    expect(foldJob(await bus.jobs.read(ref))?.phase.value.status).toBe('queued');
  });
});

describe('reading a job', () => {
  test('gives the last event of each type, so that many progress events cost nothing', async () => {
    const { ref, version } = await appendRequest();
    let expectedVersion = version;
    for (let percent = 0; percent < 20; percent++) {
      const event = eventOf(ref, { type: 'JobProgressed', data: { attempt: 1, percent } });
      const outcome = await bus.jobs.append({ ref, event, expectedVersion });
      if (outcome.kind === 'appended') expectedVersion = outcome.version;
    }
    const events = await bus.jobs.read(ref);
    expect(events.length).toBe(2);
    expect(foldJob(events)?.progress.value?.percent).toBe(19);
  });

  test('finds a job under whichever action it has', async () => {
    const { ref } = await appendRequest();
    const { tenantId, jobId } = ref;
    expect((await bus.jobs.read({ tenantId, jobId })).map(({ ref: found }) => found)).toEqual([ref]);
  });

  test("finds nothing under another tenant's name", async () => {
    const { ref } = await appendRequest();
    expect(await bus.jobs.read({ ...ref, tenantId: 'other' })).toEqual([]);
  });

  test('reports events that it cannot read, so that the next one can be appended after them', async () => {
    const { ref, version } = await appendRequest();
    const later = { ...started(ref), type: 'JobPaused', data: { until: 'noon' } };
    const subject = `jobs.acme.add.${ref.jobId}.paused`;
    const { seq } = await jetstream(connectionOf(bus)).publish(subject, JSON.stringify(later));
    const history = await bus.jobs.read(ref);
    expect(history.map((recorded) => recorded.version)).toEqual([version]);
    expect(history.unread).toEqual([{ version: seq, type: undefined }]);
    const expectedVersion = foldJob(history)?.version ?? 0;
    const next = await bus.jobs.append({ ref, event: started(ref), expectedVersion });
    expect(next.kind).toBe('appended');
  });

  test('knows by its subject an ending that it cannot read', async () => {
    const { ref } = await appendRequest();
    const { seq } = await jetstream(connectionOf(bus)).publish(`jobs.acme.add.${ref.jobId}.succeeded`, '{}');
    const history = await bus.jobs.read(ref);
    expect(history.unread).toEqual([{ version: seq, type: 'JobSucceeded' }]);
    expect(foldJob(history)?.phase.value.status).toBe('succeeded');
  });

  test('passes over what is not an event', async () => {
    const { ref } = await appendRequest();
    await jetstream(connectionOf(bus)).publish(`jobs.acme.add.${ref.jobId}.started`, 'not json');
    expect((await bus.jobs.read(ref)).map(({ event }) => event.type)).toEqual(['JobRequested']);
  });
});

describe('without a server', () => {
  test('append and read throw LogUnavailable, and both work again when it is back', async () => {
    const { ref, version } = await appendRequest();
    await nats.kill();
    const event = started(ref);
    const append = bus.jobs.append({ ref, event, expectedVersion: version, deadlineMs: 300 });
    await expect(append).rejects.toBeInstanceOf(LogUnavailable);
    await expect(bus.jobs.read(ref)).rejects.toBeInstanceOf(LogUnavailable);
    await nats.restart();
    const again = await bus.jobs.append({ ref, event, expectedVersion: version, deadlineMs: 20_000 });
    expect(again.kind).toBe('appended');
    expect((await bus.jobs.read(ref)).filter((recorded) => recorded.event.id === event.id).length).toBe(1);
  });
});
