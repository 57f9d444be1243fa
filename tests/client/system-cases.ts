import type { AcceptedJob, ResultLink } from '@errand/client';
import { assert, assertEqual, type Cases, collect, failureOf, until, type World } from './contract-case.ts';
import { LOG_CASES } from './log-cases.ts';
import { SCHEDULE_CASES } from './schedule-cases.ts';

/* What the client does with a system that works. */

const shout = ({ errand }: World, text: string): Promise<AcceptedJob> =>
  errand.run('shout', { text }, { resource: { room: 'a/b ü' } });

const tag = () => Math.random().toString(36).slice(2);

const jobs: Cases = {
  'a job is run, waited for and unwrapped': async (world) => {
    const { errand, sdk } = world;
    const accepted = await shout(world, 'hey');
    assertEqual(accepted.status, 'queued');
    const job = await errand.wait(accepted);
    assertEqual([job.status, job.resource], ['succeeded', { room: 'a/b ü' }]);
    assertEqual(sdk.unwrap(job), { text: 'HEY' });
    const status = await errand.status(accepted.job_id);
    assertEqual([status.version, sdk.isEnded(status)], [job.version, true]);
  },

  'a job that failed is a value, and an error when it is unwrapped': async ({ errand, sdk }) => {
    const job = await errand.wait(await errand.run('refuse', {}));
    assertEqual(
      [job.status, job.errors],
      ['failed', [{ code: 'too_steep', message: 'The roof is too steep.', details: [] }]],
    );
    const failure = await failureOf((async () => sdk.unwrap(job))());
    assert(failure instanceof sdk.JobFailedError, 'JobFailedError');
    assertEqual([failure.job.job_id, failure.code], [job.job_id, 'job_failed']);
  },

  'the same key and input are the same job, another input is refused': async ({ errand }) => {
    const options = { resource: { room: '1' }, idempotencyKey: tag() };
    const first = await errand.run('shout', { text: 'a' }, options);
    assertEqual((await errand.run('shout', { text: 'a' }, options)).job_id, first.job_id);
    assertEqual(
      (await failureOf(errand.run('shout', { text: 'b' }, options))).code,
      'idempotency_key_reused',
    );
  },

  'wrong inputs are named, before a job is made of them or without one': async ({ errand }) => {
    const resource = { room: '1' };
    const { code, status, errors, retryable, requestId } = await failureOf(
      errand.run('shout', {}, { resource }),
    );
    assertEqual([code, status, retryable, errors[0]?.pointer], ['invalid_input', 422, false, '#/text']);
    assert(requestId, 'a request id');
    const invalid = await errand.validate('shout', { text: 7 }, { resource });
    assertEqual(invalid.kind === 'invalid' && invalid.errors[0]?.pointer, '#/text');
    assertEqual(await errand.validate('shout', { text: 'a' }, { resource }), { kind: 'valid' });
  },

  'a wrong key, an unknown action and an unknown job are errors of their own': async ({
    errand,
    sdk,
    targets,
  }) => {
    const { url, tenant } = targets;
    const stranger = sdk.createErrand({ url, tenant, apiKey: 'wrong' });
    assertEqual((await failureOf(stranger.actions())).code, 'unauthorized');
    assertEqual((await failureOf(errand.run('nothing', {}))).code, 'unknown_action');
    const unknown = '019a5b1c-0000-7000-8000-000000000001';
    const { code, status } = await failureOf(errand.status(unknown));
    assert([404, 410].includes(status ?? 0), `code is ${code}`);
  },

  'a child token reads its job, and nothing else': async (world) => {
    const { url, tenant } = world.targets;
    const job = await shout(world, 'a');
    const { token } = await world.errand.createToken({ scopes: ['jobs:read'], ttlMs: 60_000, job });
    const browser = world.sdk.createErrand({ url, tenant, apiKey: token });
    assertEqual((await browser.wait(job)).job_id, job.job_id);
    assertEqual((await failureOf(browser.status(await shout(world, 'b')))).code, 'unknown_job');
    assertEqual((await failureOf(browser.cancel(job))).code, 'forbidden');
  },

  'a portal session is a link until it is revoked': async ({ errand }) => {
    const made = await errand.portal.create({
      scopes: ['jobs:read'],
      metadataFilter: { customer: 'c-1' },
      frameAncestors: ['https://app.example.org'],
      ttlMs: 60_000,
    });
    assert(made.path.startsWith(`/portal/${made.session_id}#code=`), made.path);
    const isListed = async () =>
      (await errand.portal.list()).some(({ session_id }) => session_id === made.session_id);
    assertEqual(await isListed(), true);
    await errand.portal.revoke(made.session_id);
    assertEqual(await isListed(), false);
    assertEqual((await failureOf(errand.portal.revoke(made.session_id))).code, 'unknown_portal_session');
  },

  'a key makes a key for less, replaces it and removes it': async (world) => {
    const { url, tenant } = world.targets;
    const { keys } = world.errand;
    const first = await keys.create({ name: 'reader', scopes: ['jobs:read', 'keys:write'] });
    const reader = world.sdk.createErrand({ url, tenant, apiKey: first.api_key });
    assertEqual((await failureOf(reader.keys.create({ name: 'more' }))).code, 'invalid_input');
    assertEqual(
      (await failureOf(reader.run('shout', { text: 'a' }, { resource: { room: '1' } }))).code,
      'forbidden',
    );
    const second = await keys.rotate(first.key_id, { graceMs: 60_000 });
    assertEqual(second.scopes, first.scopes);
    const listed = (await reader.keys.list()).map(({ key_id }) => key_id);
    assert(listed.includes(first.key_id) && listed.includes(second.key_id), 'both are listed');
    for (const { key_id } of [first, second]) await keys.delete(key_id);
    assertEqual((await failureOf(reader.actions())).code, 'unauthorized');
  },

  'a batch tells of each item': async (world) => {
    const { errand } = world;
    const items = [{ input: { text: 'a' }, metadata: { of: 'batch' } }, { input: {} }];
    const batch = await errand.runBatch('shout', items, { resource: { room: '1' } });
    assertEqual([batch.accepted, batch.rejected], [1, 1]);
    const [first, second] = batch.items;
    assert(first && 'job_id' in first && second && 'errors' in second, 'one of each');
    const job = await errand.wait(first);
    assertEqual([job.results, job.metadata], [{ text: 'A' }, { of: 'batch' }]);
  },

  'a job is canceled once, and one that has ended is told to be too late': async (world) => {
    const { errand } = world;
    const job = await errand.run('nap', {});
    for await (const { type } of errand.events(job)) if (type === 'JobStarted') break;
    assertEqual((await errand.cancel(job, { reason: 'no need' })).kind, 'requested');
    assertEqual((await errand.wait(job)).status, 'canceled');
    assertEqual((await errand.cancel(job)).kind, 'canceled');
    const done = await errand.wait(await shout(world, 'a'));
    assertEqual((await errand.cancel(done)).kind, 'too_late');
  },

  'a job that waits for its time is canceled at once': async ({ errand }) => {
    const startAfter = new Date(Date.now() + 3_600_000);
    const job = await errand.run('nap', {}, { startAfter, metadata: { a: 'b' } });
    assertEqual((await errand.cancel(job)).kind, 'canceled');
  },

  'events are told to the end, each once, and from a version on': async (world) => {
    const job = await shout(world, 'a');
    const events = await collect(world.errand.events(job));
    const types = events.map(({ type }) => type);
    assertEqual([types[0], types.at(-1)], ['JobRequested', 'JobSucceeded']);
    const after = events[0]?.version ?? 0;
    const rest = await collect(world.errand.events(job, { after }));
    assertEqual(
      rest.map(({ id }) => id),
      events.slice(1).map(({ id }) => id),
    );
    assertEqual(await collect(world.errand.events(job, { after: events.at(-1)?.version })), []);
  },

  'a wait tells of progress': async ({ errand }) => {
    const percents: (number | undefined)[] = [];
    const controller = new AbortController();
    const job = await errand.run('nap', {});
    const waiting = failureOf(
      errand.wait(job, {
        signal: controller.signal,
        onUpdate: ({ progress }) => {
          percents.push(progress?.percent);
          if (progress) controller.abort(new Error('seen'));
        },
      }),
    );
    assertEqual((await waiting).message, 'seen');
    assertEqual(percents.at(-1), 10);
    await errand.cancel(job);
  },

  'a retry is a new job of the old one': async (world) => {
    const { errand } = world;
    const first = await errand.wait(await shout(world, 'again'));
    const second = await errand.wait(await errand.retry(first));
    assertEqual([second.retry_of, second.results], [first.job_id, { text: 'AGAIN' }]);
  },

  'jobs are listed over pages, newest first, by what they have': async ({ errand }) => {
    const metadata = { tag: tag() };
    const ids: string[] = [];
    for (const text of ['a', 'b', 'c']) {
      const { job_id } = await errand.run('shout', { text }, { resource: { room: '1' }, metadata });
      await errand.wait(job_id);
      ids.unshift(job_id);
    }
    const list = () =>
      errand.jobs({ metadata, pageSize: 1, action: 'shout', status: ['succeeded', 'failed'] });
    // The read model lags behind the log.
    const listed = await until(async () => {
      const found = await collect(list());
      return found.length === 3 ? found : undefined;
    });
    assertEqual(
      listed.map(({ job_id }) => job_id),
      ids,
    );
    const [page] = await collect(list().pages(), 1);
    assertEqual([page?.items.length, typeof page?.nextCursor], [1, 'string']);
  },

  'statistics count what jobs did, of the actions that are asked for': async (world) => {
    const { errand } = world;
    await errand.wait(await shout(world, 'a'));
    // The read model lags behind the log.
    const { series, totals } = await until(async () => {
      const found = await errand.stats({ action: 'shout' });
      return found.totals.succeeded > 0 && found.now.running === 0 ? found : undefined;
    });
    assertEqual(
      series.reduce((sum, each) => sum + each.succeeded, 0),
      totals.succeeded,
    );
    assert(totals.run_ms && totals.queue_wait_ms, 'durations are counted');
    assertEqual((await errand.stats({ action: ['paint'] })).totals.requested, 0);
    const early = { from: new Date('2020-01-01T00:00:00Z') };
    assertEqual((await failureOf(errand.stats(early))).code, 'invalid_input');
  },

  'the feed tells of endings from a cursor on': async (world) => {
    const { errand } = world;
    const feed = errand.feed({ after: 'latest' });
    const first = await shoutUntilTold(world, feed);
    const second = await errand.wait(await shout(world, 'b'));
    const [next] = await collect(errand.feed({ after: first.cursor }), 1);
    assert(next && next.version > first.version, 'behind the cursor');
    for await (const { job_id, type } of errand.feed({ after: first.cursor })) {
      if (job_id !== second.job_id) continue;
      assertEqual(type, 'job.succeeded');
      break;
    }
  },
};

/** The feed begins when it is first read, so jobs are run until it has reported one. */
async function shoutUntilTold(world: World, feed: ReturnType<World['errand']['feed']>) {
  const endings = feed[Symbol.asyncIterator]();
  const told = endings.next();
  const isTold = told.then(() => true);
  for (let isOver = false; !isOver; ) {
    const job = await shout(world, 'a');
    const ended = world.errand.wait(job).then(() => false);
    isOver = await Promise.race([isTold, ended]);
  }
  const { value } = await told;
  await endings.return?.();
  return value as { cursor: string; version: number };
}

const results: Cases = {
  'a small result is downloaded as JSON': async (world) => {
    const job = await world.errand.wait(await shout(world, 'a'));
    const result = await world.errand.result(job);
    assertEqual([result.contentType, result.filename], ['application/json', null]);
    assert(result.sha256, 'a SHA-256 is there');
    assertEqual(await result.json(), { text: 'A' });
  },

  'a large result is a link, and downloaded whole': async ({ errand }) => {
    const job = await errand.wait(await errand.run('large', { bytes: 3_000_000 }));
    assert(job.status === 'succeeded' && job.results_link, 'a link');
    assertEqual([job.results, job.results_link.content_type], [null, 'application/json']);
    const { text } = (await (await errand.result(job)).json()) as { text: string };
    assertEqual(text.length, 3_000_000);
  },

  'a call runs a job, waits for it and resolves with its result, small or large': async ({ errand }) => {
    assertEqual(await errand.call('shout', { text: 'hey' }, { resource: { room: '1' } }), { text: 'HEY' });
    const updates: string[] = [];
    const onUpdate = ({ status }: { status: string }) => updates.push(status);
    const { text } = (await errand.call('large', { bytes: 3_000_000 }, { onUpdate })) as { text: string };
    assertEqual([text.length, updates.at(-1)], [3_000_000, 'succeeded']);
  },

  'a call of a job that fails rejects with it': async ({ errand, sdk }) => {
    const failure = await failureOf(errand.call('refuse', {}));
    assert(failure instanceof sdk.JobFailedError, 'JobFailedError');
    assertEqual(failure.job.errors[0]?.code, 'too_steep');
  },

  'a call is ended by its signal, and goes on with the same key': async ({ errand }) => {
    const controller = new AbortController();
    const options = { idempotencyKey: tag(), resource: {} };
    const onUpdate = () => controller.abort(new Error('enough'));
    const ended = failureOf(errand.call('nap', {}, { ...options, signal: controller.signal, onUpdate }));
    assertEqual((await ended).message, 'enough');
    const job = await errand.run('nap', {}, options);
    const called = failureOf(errand.call('nap', {}, options));
    await errand.cancel(job);
    assertEqual(((await called) as unknown as { job: { job_id: string } }).job.job_id, job.job_id);
  },

  'the output of a job is its result, and the link of one that is a file': async ({ errand, sdk }) => {
    const job = await errand.wait(await errand.run('large', { bytes: 300_000 }));
    const failure = await failureOf((async () => sdk.unwrap(job))());
    assertEqual([failure.code, failure.retryable], ['result_not_inline', false]);
    assertEqual(((await errand.output(job)) as { text: string }).text.length, 300_000);
    const file = await errand.run('file', {});
    const link = (await errand.output(file)) as ResultLink;
    assertEqual([link.content_type, link.filename], ['text/csv', 'größe.csv']);
    const made = await errand.wait(file);
    assertEqual([made.results, made.results_link, sdk.unwrap(made)], [null, link, link]);
  },

  'a file is streamed with its name': async ({ errand }) => {
    const job = await errand.wait(await errand.run('file', {}));
    const result = await errand.result(job);
    assertEqual([result.contentType, result.filename], ['text/csv', 'größe.csv']);
    const reader = result.stream().getReader();
    let bytes = 0;
    for (let piece = await reader.read(); !piece.done; piece = await reader.read())
      bytes += piece.value.length;
    assertEqual(bytes, result.bytes);
  },

  'a job without a result is an error': async ({ errand }) => {
    const job = await errand.wait(await errand.run('refuse', {}));
    assertEqual((await failureOf(errand.result(job))).code, 'no_result');
  },
};

const bulk: Cases = {
  'failed jobs are counted, run again and followed; what is done cannot be aborted': async ({ errand }) => {
    const metadata = { bulk: tag() };
    for (let count = 0; count < 2; count++) {
      await errand.wait(await errand.run('refuse', {}, { metadata }));
    }
    const filter = { status: 'failed', metadata } as const;
    await until(async () => ((await collect(errand.jobs(filter))).length === 2 ? true : undefined));
    assertEqual(await errand.bulk.count('retry', filter), 2);
    const idempotencyKey = tag();
    const started = await errand.bulk.start('retry', filter, { idempotencyKey });
    assertEqual((await errand.bulk.start('retry', filter, { idempotencyKey })).bulk_id, started.bulk_id);
    assertEqual([started.action, started.state, started.counts.matched], ['retry', 'running', 2]);
    const done = await until(async () => {
      const action = await errand.bulk.get(started.bulk_id);
      return action.state === 'done' ? action : undefined;
    });
    assertEqual([done.counts.done, done.counts.failed, done.failures], [2, 0, []]);
    const [newest] = await collect(errand.bulk.list({ pageSize: 1 }), 1);
    assertEqual(newest, done);
    assertEqual((await failureOf(errand.bulk.abort(done.bulk_id))).code, 'bulk_action_ended');
    assertEqual((await failureOf(errand.bulk.resume(done.bulk_id))).code, 'bulk_action_ended');
    const named = await errand.bulk.count('cancel', { jobs: ['019c2f3e-0000-7000-8000-000000000000'] });
    assertEqual(named, 0);
  },
};

const webhooks: Cases = {
  'an endpoint is made, changed, paused, tried, asked about and deleted': async ({ errand, targets }) => {
    const hooks = errand.webhooks;
    const made = await hooks.create({ url: `${targets.scriptedUrl}/hook`, event_types: ['job.failed'] });
    const id = made.endpoint_id;
    assert(made.signing_secret.startsWith('whsec_'), 'a secret');
    assertEqual((await hooks.change(id, { description: 'd' })).description, 'd');
    assertEqual([(await hooks.pause(id)).enabled, (await hooks.resume(id)).enabled], [false, true]);
    assertEqual((await hooks.get(id)).health?.state, 'active');
    assert(
      (await hooks.list()).some(({ endpoint_id }) => endpoint_id === id),
      'is listed',
    );
    const rotated = await hooks.rotateSecret(id, { graceS: 60 });
    assert(rotated.signing_secret !== made.signing_secret, 'another secret');
    assertEqual(rotated.previous_signing_secrets.length, 1);
    assertEqual(await collect(hooks.deliveries(id, { status: 'pending' })), []);
    const replay = await hooks.replay(id, {
      since: new Date(Date.now() - 60_000),
      only: 'missed',
      dryRun: true,
    });
    assertEqual((await hooks.getReplay(id, replay.replay_id)).dry_run, true);
    assertEqual((await hooks.replays(id)).length, 1);
    assertEqual(await hooks.delete(id), undefined);
    assertEqual((await failureOf(hooks.get(id))).code, 'unknown_endpoint');
  },

  'a webhook of a run is delivered, looked up and made again': async ({ errand, targets }) => {
    const hooks = errand.webhooks;
    const { signing_secret } = await hooks.rotateJobSecret({ graceS: 0 });
    assert(signing_secret.startsWith('whsec_'), 'a secret');
    const webhook = { url: `${targets.scriptedUrl}/hook`, events: ['job.succeeded' as const] };
    const job = await errand.run('shout', { text: 'a' }, { resource: { room: '1' }, webhook });
    await errand.wait(job);
    const delivery = await until(async () => (await hooks.deliveriesOfJob(job)).at(0));
    const attempt = await until(async () => (await hooks.attempts(delivery.delivery_id)).at(0));
    assertEqual([attempt.number, attempt.status], [1, 204]);
    assertEqual((await hooks.delivery(delivery.delivery_id)).job_id, job.job_id);
    const all = await collect(hooks.allDeliveries({ job, endpoint: delivery.endpoint_id, pageSize: 1 }));
    assertEqual(
      all.map(({ delivery_id }) => delivery_id),
      [delivery.delivery_id],
    );
    assertEqual((await hooks.redeliver(delivery.delivery_id)).delivery_id, delivery.delivery_id);
  },

  'a signed call is verified, and a changed one is not': async ({ sdk }) => {
    const key = crypto.getRandomValues(new Uint8Array(32));
    const secret = `whsec_${btoa(String.fromCharCode(...key))}`;
    const body = JSON.stringify({ type: 'webhook.test', timestamp: '2026-01-01T00:00:00Z', data: {} });
    const timestamp = String(Math.floor(Date.now() / 1_000));
    const signer = await crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, [
      'sign',
    ]);
    const mac = await crypto.subtle.sign('HMAC', signer, new TextEncoder().encode(`1.${timestamp}.${body}`));
    const signature = `v1,${btoa(String.fromCharCode(...new Uint8Array(mac)))}`;
    const headers = { 'webhook-id': '1', 'webhook-timestamp': timestamp, 'webhook-signature': signature };
    assertEqual((await sdk.verifyWebhook(headers, body, secret)).kind, 'verified');
    assertEqual((await sdk.verifyWebhook(headers, `${body} `, secret)).kind, 'refused');
  },
};

export const SYSTEM_CASES: Cases = {
  ...jobs,
  ...LOG_CASES,
  ...SCHEDULE_CASES,
  ...results,
  ...bulk,
  ...webhooks,
};
