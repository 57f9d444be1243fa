import type { EndedJob } from '@errand/client';
import { assert, assertEqual, type Cases, collect, failureOf, type World } from './contract-case.ts';
import { JOB, scripted } from './scripted-client.ts';

/* How the client treats callers who give it what cannot be sent. */

const KEY = 'ek_very\nsecret';

function madeWith(
  { sdk }: World,
  options: { url?: string; apiKey?: string; headers?: Record<string, string> },
) {
  return failureOf(
    (async () => sdk.createErrand({ url: 'http://127.0.0.1', tenant: 't', apiKey: 'k', ...options }))(),
  );
}

const sending: Cases = {
  'an input that JSON cannot have is refused at once, and nothing is sent': async (world) => {
    const { errand, seen } = scripted(world, 'busy');
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    for (const input of [{ n: 1n }, circle]) {
      assertEqual((await failureOf(errand.run('shout', input))).name, 'UsageError');
    }
    assertEqual(await seen(), []);
  },

  'an idempotency key that the API would not take is refused at once, with what it takes': async (world) => {
    const { errand, seen } = scripted(world, 'busy');
    for (const idempotencyKey of ['größe', '日本', 'two words', 'a\nb', '']) {
      const { name, message } = await failureOf(errand.run('shout', {}, { idempotencyKey }));
      assertEqual(name, 'UsageError');
      assert(message.includes('visible ASCII'), `says ${message}`);
    }
    assertEqual(await seen(), []);
  },

  'a header that cannot be sent is named, and its value is not': async (world) => {
    const { errand } = scripted(world, 'busy');
    const errors = [
      await madeWith(world, { apiKey: KEY }),
      await madeWith(world, { headers: { 'x-proxy': KEY } }),
      await failureOf(errand.run('shout', {}, { traceparent: KEY })),
    ];
    for (const [index, header] of ['authorization', 'x-proxy', 'traceparent'].entries()) {
      const { name, message } = errors[index] ?? {};
      assertEqual(name, 'UsageError');
      assert(message?.includes(header) && !message.includes('secret'), `says ${message}`);
    }
  },

  'a url of another kind is refused, with the form that is right': async (world) => {
    for (const url of ['localhost:8080', 'ftp://a', 'errand.example.com', '']) {
      const { name, message } = await madeWith(world, { url });
      assertEqual(name, 'UsageError');
      assert(message.includes('https://errand.example.com'), `says ${message}`);
    }
  },

  'headers of the caller are replaced by those of the client, whatever their case': async (world) => {
    const headers = { 'Content-Type': 'text/plain', Authorization: 'Bearer other' };
    const { errand, seen } = scripted(world, 'accepts', { headers });
    await errand.run('shout', {});
    const [request] = await seen();
    assertEqual(
      [request?.headers.authorization, request?.headers['content-type']],
      ['Bearer k', 'application/json'],
    );
  },
};

const rejecting: Cases = {
  'whatever is wrong with its words, a call rejects and throws nothing': async (world) => {
    const { errand, seen } = scripted(world, 'busy');
    const { webhooks } = errand;
    const never = new Date(Number.NaN);
    const calls: (() => Promise<unknown>)[] = [
      () => errand.status(''),
      () => errand.retry('..'),
      () => errand.wait('.'),
      () => errand.action(''),
      () => errand.result(''),
      () => errand.cancel(''),
      () => errand.run('shout', {}, { startAfter: never }),
      () => errand.runBatch('shout', [{ input: {}, startAfter: never }]),
      () => collect(errand.events('')),
      () => collect(errand.jobs({ createdAfter: never })),
      () => errand.bulk.get(''),
      () => errand.bulk.abort('..'),
      () => errand.bulk.resume(''),
      () => errand.bulk.start('retry', { createdAfter: never }),
      () => errand.bulk.count('retry', { jobs: [untyped(7)] }),
      () => errand.stats({ from: never }),
      () => errand.keys.create({ name: 'a', expires_at: never }),
      () => errand.keys.rotate(''),
      () => errand.keys.delete('..'),
      () => webhooks.get(''),
      () => webhooks.change('', {}),
      () => webhooks.delete(''),
      () => webhooks.pause(''),
      () => webhooks.resume(''),
      () => webhooks.rotateSecret(''),
      () => webhooks.test(''),
      () => webhooks.delivery(''),
      () => webhooks.attempts(''),
      () => webhooks.deliveriesOfJob(''),
      () => webhooks.redeliver(''),
      () => webhooks.replay('whe_1', { since: never, only: 'all' }),
      () => webhooks.replays(''),
      () => webhooks.getReplay('', ''),
      () => webhooks.cancelReplay('', ''),
      () => collect(webhooks.deliveries('')),
      () => collect(webhooks.deliveries('whe_1', { since: never })),
      () => collect(webhooks.allDeliveries({ until: never })),
    ];
    for (const call of calls) {
      const promise = call();
      const { name } = await failureOf(promise);
      assertEqual(name, 'UsageError', String(call));
    }
    assertEqual(await seen(), []);
  },
};

/** For values that only callers without types would pass. */
const untyped = (value: unknown) => value as never;

const UNKNOWN = untyped({ metdata: { a: '1' } });

const unheard: Cases = {
  'a member or an option that there is not is refused by name, and nothing is sent': async (world) => {
    const { errand, seen } = scripted(world, 'accepts');
    const { webhooks } = errand;
    const calls: (() => Promise<unknown>)[] = [
      () => errand.run('shout', {}, UNKNOWN),
      () => errand.call('shout', {}, UNKNOWN),
      () => errand.validate('shout', {}, UNKNOWN),
      () => errand.runBatch('shout', [], UNKNOWN),
      () => errand.runBatch('shout', [{ input: {}, metdata: {} } as never]),
      () => errand.run('shout', {}, { webhook: untyped({ url: 'https://a', metdata: 1 }) }),
      () => errand.status(JOB, UNKNOWN),
      () => errand.wait(JOB, UNKNOWN),
      () => errand.cancel(JOB, UNKNOWN),
      () => errand.retry(JOB, UNKNOWN),
      () => errand.output(JOB, UNKNOWN),
      () => errand.result(JOB, UNKNOWN),
      () => errand.actions(UNKNOWN),
      () => errand.createToken(UNKNOWN),
      () => errand.portal.create(UNKNOWN),
      () => errand.portal.list(UNKNOWN),
      () => errand.portal.revoke('t.1', UNKNOWN),
      () => errand.schedules.create(UNKNOWN),
      () => errand.schedules.check({ action: 'shout' }, UNKNOWN),
      () => errand.schedules.change('sch_1', UNKNOWN),
      () => errand.schedules.get('sch_1', UNKNOWN),
      () => errand.schedules.run('sch_1', UNKNOWN),
      () => errand.schedules.delete('sch_1', UNKNOWN),
      () => collect(errand.schedules.list(UNKNOWN)),
      () => errand.action('shout', UNKNOWN),
      () => collect(errand.jobs(UNKNOWN)),
      () => errand.stats(UNKNOWN),
      () => collect(errand.events(JOB, UNKNOWN)),
      () => collect(errand.feed(UNKNOWN)),
      () => errand.bulk.start('retry', UNKNOWN),
      () => errand.bulk.count('retry', { status: 'failed' }, UNKNOWN),
      () => errand.bulk.get('1', UNKNOWN),
      () => collect(errand.bulk.list(UNKNOWN)),
      () => errand.keys.list(UNKNOWN),
      () => errand.keys.create({ name: 'a' }, UNKNOWN),
      () => errand.keys.rotate('1', UNKNOWN),
      () => errand.keys.delete('1', UNKNOWN),
      () => webhooks.list(UNKNOWN),
      () => webhooks.rotateSecret('whe_1', UNKNOWN),
      () => webhooks.replay('whe_1', { since: '2026-01-01T00:00:00Z', only: 'all', metdata: 1 } as never),
      () => webhooks.redeliver('1.2', UNKNOWN),
      () => collect(webhooks.deliveries('whe_1', UNKNOWN)),
      () => collect(webhooks.allDeliveries(UNKNOWN)),
    ];
    for (const call of calls) {
      const { name, message } = await failureOf(call());
      assertEqual(name, 'UsageError', String(call));
      assert(message.includes('metdata'), `${call} says ${message}`);
    }
    assertEqual(await seen(), []);
  },

  'an input in the place of a batch item is refused, and so is an item without input': async (world) => {
    const { errand, seen } = scripted(world, 'accepts');
    const details = [];
    for (const items of [[{ greeting: 'a' }], [{ metadata: {} }], ['a'], 'a']) {
      const failure = await failureOf(errand.runBatch('hello', untyped(items)));
      assert(failure instanceof world.sdk.UsageError, `is a ${failure.name}`);
      details.push(failure.detail);
    }
    assertEqual(details, [
      'items[0] must not have greeting; allowed: input, metadata, startAfter, startByS, finishByS, priority, concurrencyKeys, webhook',
      'items[0] has no input',
      'items[0] must be an object',
      'the items of a batch must be an array',
    ]);
    assertEqual(await seen(), []);
  },

  'options of a job are sent with an input that is left out, and never over one that has some itself': async (
    world,
  ) => {
    const { errand, seen } = scripted(world, 'accepts');
    await errand.run('shout', undefined, { metadata: { a: '1' } });
    const twice = errand.run('shout', { _job: { metadata: {} } }, { metadata: { a: '1' } });
    assertEqual((await failureOf(twice)).name, 'UsageError');
    assertEqual(
      (await seen()).map(({ body }) => body),
      ['{"_job":{"metadata":{"a":"1"}}}'],
    );
  },

  'a client is not made with an option that there is not': async ({ sdk }) => {
    const given = { url: 'http://127.0.0.1', tenant: 't', apiKey: 'k' };
    for (const options of [untyped({ ...given, timeout: 1 }), { ...given, retry: untyped({ max: 1 }) }]) {
      assertEqual((await failureOf((async () => sdk.createErrand(options))())).name, 'UsageError');
    }
  },

  'each kind of error is a class of its own, and an ErrandError': async (world) => {
    const { sdk } = world;
    const { errand } = scripted(world, 'busy', { retry: { maxAttempts: 1 } });
    const ended = { job_id: JOB, status: 'failed', errors: [] } as unknown as EndedJob;
    const late = scripted(world, 'never_ends').errand;
    const failures = [
      [sdk.ApiError, await failureOf(errand.status(JOB))],
      [sdk.UsageError, await failureOf(errand.status(''))],
      [
        sdk.ConnectionError,
        await failureOf(scripted(world, 'hang_up', { retry: { maxAttempts: 1 } }).errand.actions()),
      ],
      [sdk.ResponseError, await failureOf(scripted(world, 'html').errand.actions())],
      [sdk.WaitTimeoutError, await failureOf(late.wait(JOB, { timeoutMs: 50 }))],
      [sdk.JobFailedError, await failureOf((async () => sdk.unwrap(ended))())],
    ] as const;
    for (const [kind, failure] of failures) {
      assert(
        failure instanceof kind && failure instanceof sdk.ErrandError,
        `${kind.name}: is ${failure.name}`,
      );
      assertEqual(failure.name, kind.name.replace(/^_/, ''));
    }
  },
};

const addressing: Cases = {
  'a resource that is not that of its action is named with what it lacks and what it has too much': async (
    world,
  ) => {
    const { errand } = scripted(world, 'rooms');
    const told = async (action: string, resource?: Record<string, string>) => {
      const { name, message } = await failureOf(errand.run(action, {}, { resource }));
      return `${name}: ${message}`;
    };
    assertEqual(
      [await told('shout'), await told('shout', { person: 'p', rom: '1' }), await told('nap', { room: '1' })],
      [
        "UsageError: usage_error: shout is at 'rooms/{room}/{person}': its resource lacks room, person",
        "UsageError: usage_error: shout is at 'rooms/{room}/{person}': its resource lacks room and must not have rom",
        'UsageError: usage_error: nap has no path parameters: its resource must not have room',
      ],
    );
  },

  'an action that does not exist is named, with a resource or without one': async (world) => {
    const { errand } = scripted(world, 'rooms');
    for (const resource of [undefined, { room: '1' }]) {
      const { code, status, detail } = await failureOf(errand.run('shuot', {}, { resource }));
      assertEqual([code, status, detail], ['unknown_action', 404, "there is no action 'shuot'"]);
    }
  },
};

export const MISUSE_CASES: Cases = { ...sending, ...rejecting, ...unheard, ...addressing };
