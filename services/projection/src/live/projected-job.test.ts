import { foldJob } from '@errand/domain';
import { anyFacts, record } from '@errand/domain/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { foldProjected, mergeProjected } from './projected-job.ts';

const shuffledHistory = anyFacts
  .map(record)
  .chain((events) =>
    fc.tuple(fc.constant(events), fc.shuffledSubarray(events, { minLength: events.length }), fc.nat()),
  );

test('it is the fold of the job with the time of its first attempt, in any order and any pieces', () => {
  fc.assert(
    fc.property(shuffledHistory, ([events, shuffled, cut]) => {
      const first = events.find(({ event }) => event.type === 'JobStarted')?.event.time ?? null;
      const whole = { ...foldJob(events), firstStartedAt: first };
      expect(foldProjected(shuffled)).toEqual(whole);
      const at = cut % (events.length + 1);
      const [left, right] = [foldProjected(shuffled.slice(0, at)), foldProjected(shuffled.slice(at))];
      expect(left && right ? mergeProjected(left, right) : (left ?? right)).toEqual(whole);
    }),
  );
});
