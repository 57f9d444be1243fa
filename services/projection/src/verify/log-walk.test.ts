import type { RecordedEvent } from '@errand/contracts';
import { foldJob, isEnded, type JobState } from '@errand/domain';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { healthyLog } from '../../test/arbitrary-log.ts';
import { historyFaults } from './history-faults.ts';
import { createLogWalk } from './log-walk.ts';

/** Walks over a log as often as it takes. */
function walkAll(events: readonly RecordedEvent[], maxOpen: number) {
  const states: JobState[] = [];
  const strays: RecordedEvent[] = [];
  let fromId = '';
  let mostOpen = 0;
  for (let from = 1; ; ) {
    const walk = createLogWalk({ fromId, maxOpen });
    for (const recorded of events.filter(({ version }) => version >= from)) {
      const step = walk.take(recorded, recorded.version);
      if (step.kind === 'ended') states.push(step.state);
      if (step.kind === 'stray') strays.push(recorded);
      mostOpen = Math.max(mostOpen, [...walk.open()].length);
    }
    states.push(...walk.open());
    if (walk.untilId === undefined || walk.resumeAt === Number.POSITIVE_INFINITY) break;
    fromId = walk.untilId;
    from = walk.resumeAt;
  }
  return { states, strays, mostOpen };
}

test('whatever healthy jobs did, each is folded once and whole, and nothing is stray', () => {
  fc.assert(
    fc.property(healthyLog, fc.integer({ min: 1, max: 9 }), ({ events }, maxOpen) => {
      const { states, strays } = walkAll(events, maxOpen);
      expect(strays).toEqual([]);
      const jobs = Map.groupBy(events, ({ ref }) => ref.jobId);
      expect(states.length).toBe(jobs.size);
      for (const state of states) expect(state).toEqual(foldJob(jobs.get(state.jobId) ?? []));
      for (const history of jobs.values()) expect(historyFaults(history)).toEqual([]);
    }),
  );
});

test('jobs that come in the order of their ids are held in no greater number than allowed', () => {
  fc.assert(
    fc.property(healthyLog, fc.integer({ min: 1, max: 9 }), ({ events }, maxOpen) => {
      const ids = [...new Set(events.map(({ ref }) => ref.jobId))];
      const sorted = ids.toSorted();
      const inOrder = events.map((each) => {
        const jobId = sorted[ids.indexOf(each.ref.jobId)] ?? '';
        return { ...each, ref: { ...each.ref, jobId } };
      });
      expect(walkAll(inOrder, maxOpen).mostOpen).toBeLessThanOrEqual(maxOpen);
    }),
  );
});

test('an event behind an ending, a second request and a lost request are stray, and are told as what they are', () => {
  fc.assert(
    fc.property(healthyLog, fc.nat(), ({ events }, pick) => {
      const ended = events.filter(({ ref }) =>
        isEnded(foldJob(events.filter((each) => each.ref.jobId === ref.jobId))?.phase.value.status ?? null),
      );
      const chosen = ended[pick % Math.max(1, ended.length)];
      fc.pre(chosen !== undefined);
      const { jobId } = chosen.ref;
      const history = events.filter(({ ref }) => ref.jobId === jobId);
      const kinds = (of: readonly RecordedEvent[]) => historyFaults(of).map(({ kind }) => kind);
      const version = events.length + 1;
      const ending = history.at(-1);
      const request = history[0];
      if (!ending || !request) throw new Error('a job without events');
      expect(walkAll([...events, { ...ending, version }], 100).strays.length).toBe(1);
      expect(kinds([...history, { ...ending, version }])).toEqual(['second_ending']);
      expect(walkAll([...events, { ...request, version }], 100).strays.length).toBe(0);
      expect(kinds([...history, { ...request, version }])).toEqual(['request_missing', 'event_after_ending']);
      const without = events.filter((each) => each !== request);
      expect(walkAll(without, 100).strays.length).toBe(history.length - 1);
      expect(kinds(history.slice(1))).toContain('request_missing');
    }),
  );
});
