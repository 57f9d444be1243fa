import { REQUEST, record } from '@errand/domain/testing';
import { expect, test } from 'vitest';
import { createWindowKeeper, type WindowDeps } from './keep-window.ts';
import { createNeededEvents } from './needed-events.ts';

test('of the jobs that are brought back, only a part is in memory at a time', async () => {
  const told: string[] = [];
  const entries = ['a', 'b', 'c', 'd'].flatMap((jobId, place) => {
    const [requested, ended] = record([
      { type: 'JobRequested', data: { ...REQUEST, finish_by: '2099-01-01T00:00:00.000Z' } },
      { type: 'JobCanceled', data: { by: 'b' } },
    ]);
    if (!requested || !ended) throw new Error('nothing recorded');
    const id = `01890000-0000-7000-8000-00000000000${jobId}`;
    const ref = { ...requested.ref, jobId: id };
    const subjectOf = (last: string) => `jobs.${ref.tenantId}.${ref.action}.${id}.${last}`;
    const request = {
      subject: subjectOf('requested.fast.c1'),
      version: 2 * place + 1,
      data: Buffer.from('{}'),
      get decoded() {
        told.push(`read ${jobId}`);
        return { kind: 'event', recorded: { ...requested, ref, version: 2 * place + 1 } };
      },
    };
    // One of them has ended.
    const ending = { subject: subjectOf('canceled'), version: 2 * place + 2 };
    return jobId === 'b' ? [request, ending] : [request];
  });
  const keeper = createWindowKeeper({
    bus: {
      audit: {
        async *read() {
          yield { entries, remaining: 0 };
        },
        version: async () => 100,
      },
      jobs: {
        read: async () => Object.assign([], { unread: [] }),
        append: async ({ ref }: { ref: { jobId: string } }) => {
          told.push(`brought back ${ref.jobId.at(-1)}`);
          return { kind: 'appended', version: 200 };
        },
        readWindow: async () => ({
          firstVersion: 101,
          firstMs: undefined,
          lastVersion: 100,
          fill: 0,
          maxBytes: 0,
          nowMs: 1_000_000,
          neededFrom: { version: 1, storedMs: 1 },
        }),
      },
    },
    positions: { get: async () => ({ version: 100 }) },
    open: { get: () => undefined },
    needed: createNeededEvents(),
    graceMs: 1,
    maxAgeMs: 1,
    mostBytes: 1,
    now: () => 1_000_000,
    log: { error: () => {} },
  } as unknown as WindowDeps);
  await keeper.look();
  expect(told).toEqual(['a', 'c', 'd'].flatMap((id) => [`read ${id}`, `brought back ${id}`]));
});
