import { assert, assertEqual, type Cases, collect, failureOf } from './contract-case.ts';
import { JOB, scripted, seenUntil } from './scripted-client.ts';

/* How the client copes with streams of events that fail it. */

export const STREAM_CASES: Cases = {
  'events go on behind the last whole one after every kind of cut': async (world) => {
    const { errand, seen } = scripted(world, 'cut_events', { streamIdleMs: 3_000 });
    const events = await collect(errand.events(JOB));
    assertEqual(
      events.map(({ version }) => version),
      [1, 2, 3, 4],
    );
    assertEqual(events[1]?.data, { text: 'ä€🎉' });
    const places = (await seen()).map(({ headers }) => headers['last-event-id'] ?? null);
    assertEqual(places, [null, '1', '2', '2', '2']);
  },

  'a log goes on behind its last whole entry, tells each once, and ends when nothing more comes': async (
    world,
  ) => {
    const { errand, seen } = scripted(world, 'cut_log');
    const entries = await collect(errand.followLogs(JOB, { after: 4 }));
    assertEqual(
      entries.map(({ id }) => id),
      [5, 7, 8],
    );
    const requests = await seen();
    assertEqual(
      requests.map(({ path, headers }) => [path, headers['last-event-id']]),
      ['4', '7', '8'].map((place) => [`/jobs/${JOB}/logs`, place]),
    );
  },

  'an event whose lines end in carriage returns is told before the next one comes': async (world) => {
    const { errand } = scripted(world, 'returns');
    assertEqual(
      (await collect(errand.events(JOB), 1)).map(({ version }) => version),
      [1],
    );
  },

  'events begin behind the version that is asked for': async (world) => {
    const { errand, seen } = scripted(world, 'told_all');
    assertEqual(await collect(errand.events(JOB, { after: 7 })), []);
    const [request] = await seen();
    assertEqual([request?.path, request?.headers['last-event-id']], [`/jobs/${JOB}/events`, '7']);
  },

  'events of an unknown job are an error at once': async (world) => {
    const { errand, seen } = scripted(world, 'no_job');
    assertEqual((await failureOf(collect(errand.events(JOB)))).code, 'unknown_job');
    assertEqual((await seen()).length, 1);
  },

  'a stream that never gets on ends as an error, however often it opens': async (world) => {
    for (const script of ['always_cut', 'always_same']) {
      const { errand, seen } = scripted(world, script, { retry: { maxTimeMs: 4_000 } });
      const { code, retryable } = await failureOf(collect(errand.events(JOB, { after: 1 })));
      assert(['stream_cut', 'network_error'].includes(code) && retryable, `code is ${code}`);
      assert((await seen()).length > 1, 'it is tried again');
    }
  },

  'an answer that is no stream of events is refused at once': async (world) => {
    const { errand, seen } = scripted(world, 'html');
    for (const reading of [() => collect(errand.events(JOB)), () => collect(errand.feed())]) {
      const { code, status, retryable } = await failureOf(reading());
      assertEqual([code, status, retryable], ['invalid_response', 200, false]);
    }
    assertEqual((await seen()).length, 2);
  },

  'events, a feed and a wait outlast an outage that is longer than their attempts': async (world) => {
    const retry = { maxAttempts: 2 };
    const busy = (script: string) => scripted(world, script, { retry });
    const events = await collect(busy('outage_events').errand.events(JOB));
    assertEqual(
      events.map(({ version }) => version),
      [1, 2],
    );
    const [ending] = await collect(busy('outage_feed').errand.feed(), 1);
    assertEqual(ending?.cursor, 'c1');
    assertEqual((await busy('outage_job').errand.wait(JOB)).status, 'failed');
  },

  'an outage that outlasts the time for retries is told': async (world) => {
    const retry = { maxTimeMs: 100 };
    const busy = () => scripted(world, 'busy', { retry }).errand;
    assertEqual((await failureOf(collect(busy().events(JOB)))).code, 'log_unavailable');
    assertEqual((await failureOf(collect(busy().feed()))).code, 'log_unavailable');
    assertEqual((await failureOf(busy().wait(JOB))).code, 'log_unavailable');
  },

  'a reader that leaves a stream closes its connection': async (world) => {
    const { errand, seen } = scripted(world, 'endless');
    assertEqual((await collect(errand.events(JOB), 1)).length, 1);
    await seenUntil(seen, ([request]) => request?.wasLeft === true);
  },

  'a signal ends a stream with its reason': async (world) => {
    const { errand, seen } = scripted(world, 'endless');
    const controller = new AbortController();
    const events = errand.events(JOB, { signal: controller.signal });
    await events.next();
    const next = events.next();
    controller.abort(new Error('enough'));
    assertEqual((await failureOf(next)).message, 'enough');
    await seenUntil(seen, ([request]) => request?.wasLeft === true);
  },

  'a signal that is aborted between two events ends the stream there, even if both have arrived': async (
    world,
  ) => {
    const { errand } = scripted(world, 'done_job');
    const controller = new AbortController();
    const versions: number[] = [];
    const read = async () => {
      for await (const { version } of errand.events(JOB, { signal: controller.signal })) {
        versions.push(version);
        controller.abort(new Error('enough'));
      }
    };
    assertEqual((await failureOf(read())).message, 'enough');
    assertEqual(versions, [1]);
  },

  'a feed goes on behind a heartbeat, and its endings carry their cursors': async (world) => {
    const { errand, seen } = scripted(world, 'feed');
    const feed = errand.feed({ after: 'latest', types: ['job.failed', 'job.expired'] });
    assertEqual(feed.cursor, undefined);
    const endings = await collect(feed, 2);
    assertEqual(
      endings.map(({ job_id, cursor }) => [job_id, cursor]),
      [
        ['c2', 'c2'],
        ['c4', 'c4'],
      ],
    );
    assertEqual(feed.cursor, 'c4');
    const [first, second] = await seen();
    const asked = '/events?after=latest&types=job.failed%2Cjob.expired';
    // Last-Event-ID takes precedence over the query.
    assertEqual([first?.path, second?.path], [asked, asked]);
    assertEqual(second?.headers['last-event-id'], 'c3');
  },
};
