import type { StoredLink } from '@errand/bus';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { healthyLog } from '../../test/arbitrary-log.ts';
import { createChainWalk } from './chain-walk.ts';

function kindsOf(links: readonly StoredLink[], options = { firstVersion: 1, maxJobs: 100 }) {
  const walk = createChainWalk(options);
  return links.map((link) => walk(link).kind);
}

test('a healthy log holds together, and is never called broken where less is remembered', () => {
  fc.assert(
    fc.property(healthyLog, fc.integer({ min: 1, max: 8 }), ({ links }, maxJobs) => {
      expect(new Set(kindsOf(links))).toEqual(new Set(links.length === 0 ? [] : ['holds']));
      expect(kindsOf(links, { firstVersion: 1, maxJobs })).not.toContain('broken');
    }),
  );
});

test('a log whose beginning has left it holds together', () => {
  fc.assert(
    fc.property(healthyLog, fc.nat(60), ({ links }, left) => {
      const kinds = kindsOf(links.slice(left), { firstVersion: left + 1, maxJobs: 100 });
      expect(kinds.filter((kind) => kind !== 'holds')).toEqual([]);
    }),
  );
});

test('a lost event breaks the chain at the next one of its job, and one without a guard is broken itself', () => {
  fc.assert(
    fc.property(healthyLog, fc.nat(), ({ links }, pick) => {
      const followed = links.filter(({ version, ref }) =>
        links.some((later) => later.ref.jobId === ref.jobId && later.version > version),
      );
      const lost = followed[pick % Math.max(1, followed.length)];
      fc.pre(lost !== undefined);
      const kinds = kindsOf(links.filter((link) => link !== lost));
      const suspect = lost.expectedVersion === 0 ? 'unknown' : 'broken';
      expect(kinds.filter((kind) => kind !== 'holds')).toEqual([suspect]);
      const bare = links.map((link) => (link === lost ? { ...link, expectedVersion: undefined } : link));
      expect(kindsOf(bare).filter((kind) => kind === 'broken').length).toBe(1);
    }),
  );
});
