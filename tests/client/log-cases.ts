import type { JobLogEntry } from '@errand/client';
import { assertEqual, type Cases, collect, failureOf } from './contract-case.ts';

const factOf = (entry: JobLogEntry) =>
  entry.type === 'output' ? entry.value : entry.type === 'log' && entry.fields;

export const LOG_CASES: Cases = {
  'what a job tells is followed while it runs, to its end, and read over pages': async ({ errand }) => {
    const job = await errand.run('talk', { says: ['a', 'b', 'c'] });
    const followed: JobLogEntry[] = [];
    for await (const entry of errand.followLogs(job)) {
      followed.push(entry);
      if (entry.type === 'output') await errand.cancel(job);
    }
    const told = followed.map((entry) => [entry.attempt, entry.number, factOf(entry)]);
    assertEqual(told, [
      [1, 1, { place: 0 }],
      [1, 2, { place: 1 }],
      [1, 3, { place: 2 }],
      [1, 4, { part: 'ä€🎉' }],
    ]);
    assertEqual(await collect(errand.logs(job, { pageSize: 3 })), followed);
    const [first] = await collect(errand.logs(job, { pageSize: 3 }).pages());
    assertEqual([first?.items.length, first?.nextCursor], [3, String(followed[2]?.id)]);
    const after = followed[1]?.id;
    assertEqual(await collect(errand.logs(job, { after, pageSize: 1 })), followed.slice(2));
    assertEqual(await collect(errand.followLogs(job, { after })), followed.slice(2));
    assertEqual(await collect(errand.followLogs(job, { after: followed[3]?.id })), []);
  },

  'the log of an unknown job is an error, and that of a job which told nothing is empty': async ({
    errand,
  }) => {
    const job = await errand.wait(await errand.run('shout', { text: 'a' }, { resource: { room: 'a' } }));
    const unknown = job.job_id.replace(/.$/, (last) => (last === '0' ? '1' : '0'));
    const failures = [errand.logs(unknown), errand.followLogs(unknown)].map((log) => failureOf(collect(log)));
    for (const { code } of await Promise.all(failures)) assertEqual(code, 'unknown_job');
    assertEqual([await collect(errand.logs(job)), await collect(errand.followLogs(job))], [[], []]);
  },
};
