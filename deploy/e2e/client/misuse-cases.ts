import { assert, assertEqual, type Cases, collect, failureOf, type World } from './contract-case.ts';
import { scripted } from './scripted-client.ts';

/* What the client does about callers who give it what cannot be sent. */

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
      assertEqual((await failureOf(errand.run('shout', input))).name, 'TypeError');
    }
    assertEqual(await seen(), []);
  },

  'an idempotency key that the API would not take is refused at once, with what it takes': async (world) => {
    const { errand, seen } = scripted(world, 'busy');
    for (const idempotencyKey of ['größe', '日本', 'two words', 'a\nb', '']) {
      const { name, message } = await failureOf(errand.run('shout', {}, { idempotencyKey }));
      assertEqual(name, 'TypeError');
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
      assertEqual(name, 'TypeError');
      assert(message?.includes(header) && !message.includes('secret'), `says ${message}`);
    }
  },

  'a url of another kind is refused, with the form that is right': async (world) => {
    for (const url of ['localhost:8080', 'ftp://a', 'errand.example.com', '']) {
      const { name, message } = await madeWith(world, { url });
      assertEqual(name, 'TypeError');
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
    ];
    for (const call of calls) {
      const promise = call();
      const { name } = await failureOf(promise);
      assert(['TypeError', 'RangeError'].includes(name), `${call} rejects with ${name}`);
    }
    assertEqual(await seen(), []);
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
        "ErrandError: unknown_action: shout is at 'rooms/{room}/{person}': its resource lacks room, person",
        "TypeError: shout is at 'rooms/{room}/{person}': its resource lacks room and must not have rom",
        'TypeError: nap has no path parameters: its resource must not have room',
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

export const MISUSE_CASES: Cases = { ...sending, ...rejecting, ...addressing };
