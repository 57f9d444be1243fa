import { assert, assertEqual, type Cases, failureOf, type World } from './contract-case.ts';
import type { SeenRequest } from './script.ts';
import { FAST, JOB, scripted, seenUntil } from './scripted-client.ts';

/* How the client copes with servers and networks that fail it. */

const keysOf = (requests: readonly SeenRequest[]) =>
  requests.map(({ headers }) => headers['idempotency-key']);

/** A run that is accepted after failures, and whose attempts all had the same key. */
const runsThrough = (script: string, attempts: number) => async (world: World) => {
  const { errand, seen } = scripted(world, script);
  assertEqual((await errand.run('shout', { text: 'a' })).job_id, JOB);
  const requests = await seen();
  assertEqual(requests.length, attempts, 'attempts');
  assertEqual(new Set(keysOf(requests)).size, 1, 'keys');
  assert(String(keysOf(requests)[0]).length >= 32, 'a random key');
  assert(
    requests.every(({ body }) => body === '{"text":"a"}'),
    'the same body',
  );
};

const retries: Cases = {
  'a run is sent again after 503, with the key that it had': runsThrough('busy_twice', 3),
  'a run is sent again when the connection breaks, with the key that it had': runsThrough('hang_up', 3),
  'a run is sent again when its answer breaks off': runsThrough('half_answer', 2),
  'a run whose key is still in flight is sent again': runsThrough('in_flight', 2),

  'each run has a key of its own, or the one that its caller gives': async (world) => {
    const { errand, seen } = scripted(world, 'busy_twice');
    await errand.run('shout', {});
    await errand.run('shout', {});
    await errand.run('shout', {}, { idempotencyKey: 'mine' });
    const [, , first, second, third] = keysOf(await seen());
    assert(first !== second, 'another key');
    assertEqual(third, 'mine');
  },

  'Retry-After in seconds is waited for': async (world) => {
    const { errand, seen } = scripted(world, 'patience_s');
    await errand.run('shout', {});
    const [first, second] = await seen();
    assert(first && second && second.atMs - first.atMs >= 990, 'came back too early');
  },

  'Retry-After as a date is waited for': async (world) => {
    const { errand, seen } = scripted(world, 'patience_date');
    await errand.run('shout', {});
    const [first, second] = await seen();
    // A date has no fractions of a second: two seconds ahead is at least one.
    assert(first && second && second.atMs - first.atMs >= 990, 'came back too early');
  },

  'a Retry-After beyond the time for retries is given up at once': async (world) => {
    const { errand, seen } = scripted(world, 'patience_hour');
    const { code, status, retryable, retryAfterMs } = await failureOf(errand.run('shout', {}));
    assertEqual([code, status, retryable, retryAfterMs], ['log_nearly_full', 503, true, 3_600_000]);
    assertEqual((await seen()).length, 1);
  },

  'a Retry-After beyond what a timer can hold is waited for, not overrun': async (world) => {
    const { errand, seen } = scripted(world, 'patience_ages', {
      retry: { maxTimeMs: Number.POSITIVE_INFINITY },
    });
    const controller = new AbortController();
    const running = failureOf(errand.run('shout', {}, { signal: controller.signal }));
    // The others are answered meanwhile, one after the other.
    await seenUntil(seen, ({ length }) => length > 0);
    for (let others = 0; others < 20; others++) await scripted(world, 'accepts').errand.run('shout', {});
    controller.abort(new Error('enough'));
    assertEqual((await running).message, 'enough');
    assertEqual((await seen()).length, 1);
  },

  'options of the policy that are undefined are those of the default': async (world) => {
    const retry = { maxAttempts: undefined, maxTimeMs: undefined };
    const { errand, seen } = scripted(world, 'busy', { retry });
    assertEqual((await failureOf(errand.status(JOB))).code, 'log_unavailable');
    assertEqual((await seen()).length, 5);
  },

  'no more attempts are made than the policy has, and the last answer is the error': async (world) => {
    const { errand, seen } = scripted(world, 'busy', { retry: { maxAttempts: 3 } });
    const { code, detail, requestId, retryable, name } = await failureOf(errand.status(JOB));
    assertEqual(
      [code, detail, requestId, retryable, name],
      ['log_unavailable', 'said log_unavailable', 'r-1', true, 'ApiError'],
    );
    assertEqual((await seen()).length, 3);
  },

  'what may do something twice is not sent again': async (world) => {
    const { errand, seen } = scripted(world, 'busy');
    await failureOf(errand.webhooks.create({ url: 'https://example.com' }));
    await failureOf(errand.webhooks.test('whe_1'));
    await failureOf(errand.webhooks.redeliver('1.2'));
    await failureOf(errand.webhooks.delete('whe_1'));
    assertEqual((await seen()).length, 4);
  },

  'a bulk action is begun again under the same key': async (world) => {
    const { errand, seen } = scripted(world, 'busy');
    await failureOf(errand.bulk.start('retry', { status: 'failed' }));
    const keys = (await seen()).map(({ headers }) => headers['idempotency-key']);
    assertEqual([keys.length > 1, new Set(keys).size, typeof keys[0]], [true, 1, 'string']);
  },

  'a refusal that will not pass is not sent again': async (world) => {
    const { errand, seen } = scripted(world, 'out_of_reach');
    const { code, retryable } = await failureOf(errand.status(JOB));
    assertEqual([code, retryable], ['history_out_of_reach', false]);
    assertEqual((await seen()).length, 1);
  },

  'an answer of a proxy is an error with its status, and passes': async (world) => {
    const { errand } = scripted(world, 'proxy');
    assertEqual(await errand.actions(), []);
    const strict = scripted(world, 'proxy', { retry: { maxAttempts: 1 } });
    assertEqual((await failureOf(strict.errand.actions())).code, 'http_502');
  },

  'an answer that is not JSON is an error': async (world) => {
    assertEqual((await failureOf(scripted(world, 'html').errand.actions())).code, 'invalid_response');
  },

  'an answer that never ends is given up, and so is an error': async (world) => {
    const { errand, seen } = scripted(world, 'endless_json');
    const answer = await failureOf(errand.actions());
    assertEqual([answer.code, answer.message.includes('longer than')], ['invalid_response', true]);
    assertEqual((await failureOf(errand.status(JOB))).code, 'http_400');
    await seenUntil(seen, (requests) => requests.every(({ wasLeft }) => wasLeft));
  },

  'an answer that says nothing where something is due is an error': async (world) => {
    for (const script of ['says_nothing', 'says_null']) {
      const { errand, seen } = scripted(world, script);
      const { code, status } = await failureOf(errand.run('shout', {}));
      assertEqual([code, status], ['invalid_response', 202]);
      assertEqual((await seen()).length, 1);
    }
  },

  'a server that is not there is a network error': async ({ sdk, targets }) => {
    const errand = sdk.createErrand({
      url: targets.deadUrl,
      tenant: 't',
      apiKey: 'k',
      retry: { maxAttempts: 2, ...FAST },
    });
    const { code, status, retryable } = await failureOf(errand.status(JOB));
    assertEqual([code, status, retryable], ['network_error', undefined, true]);
  },

  'a server that says nothing is a timeout, and asked again': async (world) => {
    const { errand, seen } = scripted(world, 'silent', { timeoutMs: 100, retry: { maxAttempts: 2 } });
    const { code, retryable } = await failureOf(errand.status(JOB));
    assertEqual([code, retryable], ['timeout', true]);
    assertEqual((await seen()).length, 2);
  },

  'a redirect is refused, so the key goes nowhere else': async (world) => {
    const { errand } = scripted(world, 'elsewhere');
    const { code, retryable } = await failureOf(errand.actions());
    assertEqual([code, retryable], ['unexpected_redirect', false]);
  },

  'runs at the same time ask for the path of their action once': async (world) => {
    const { errand, seen } = scripted(world, 'rooms');
    const runs = (count: number) =>
      Array.from({ length: count }, () => errand.run('shout', {}, { resource: { room: '1', person: 'p' } }));
    await Promise.all(runs(20));
    const isContract = ({ path }: SeenRequest) => path === '/actions/shout';
    assertEqual((await seen()).filter(isContract).length, 1);
  },

  'a run that is ended while it asks for a path ends no other, and a path not found is asked for again':
    async (world) => {
      const { errand, seen } = scripted(world, 'late_rooms');
      const controller = new AbortController();
      const options = { resource: { room: '1' } };
      const ended = failureOf(errand.run('shout', {}, { ...options, signal: controller.signal }));
      const failed = failureOf(errand.run('shout', {}, options));
      await seenUntil(seen, ({ length }) => length === 1);
      controller.abort(new Error('enough'));
      assertEqual((await ended).message, 'enough');
      // Makes the server answer that there is no such contract.
      await errand.actions();
      assertEqual((await failed).code, 'unknown_action');
      assertEqual((await errand.run('shout', {}, options)).job_id, JOB);
    },

  'a resource is percent-encoded, and its path is asked for again when it has moved': async (world) => {
    const { errand, seen } = scripted(world, 'moved');
    const options = { resource: { hall: 'a/b ü' } };
    await errand.run('shout', {}, options);
    await errand.run('shout', {}, options);
    assertEqual((await seen()).length, 5);
    assertEqual((await failureOf(errand.run('shout', {}, { resource: { other: '1' } }))).name, 'UsageError');
    assertEqual((await seen()).length, 6);
    for (const hall of ['', '.', '..']) {
      assertEqual((await failureOf(errand.run('shout', {}, { resource: { hall } }))).name, 'UsageError');
    }
    assertEqual((await seen()).length, 6);
  },

  'before a resource is refused, the contract is asked for again: the action may have other parameters now':
    async (world) => {
      const { errand, seen } = scripted(world, 'moved_deeper');
      await errand.run('shout', {}, { resource: { hall: '1' } });
      const resource = { hall: '1', seat: '2' };
      assertEqual((await errand.run('shout', {}, { resource })).job_id, JOB);
      assertEqual((await seen()).length, 4);
      const old = await failureOf(errand.run('shout', {}, { resource: { hall: '1' } }));
      assert(old.message.includes('lacks seat'), `says ${old.message}`);
    },
};

const waits: Cases = {
  'a wait tells of each newer version, and resolves with a failed job as a value': async (world) => {
    const { errand, seen } = scripted(world, 'slow_job');
    const versions: number[] = [];
    const job = await errand.wait(JOB, { onUpdate: ({ version }) => versions.push(version) });
    assertEqual([job.status, versions], ['failed', [1, 2, 3]]);
    assert(
      (await seen()).slice(1).every(({ path }) => /wait=[1-9]/.test(path)),
      'the server is asked to wait',
    );
  },

  'a wait is ended by its signal, with its reason': async (world) => {
    const { errand, seen } = scripted(world, 'silent');
    const controller = new AbortController();
    const waiting = failureOf(errand.wait(JOB, { signal: controller.signal }));
    await seenUntil(seen, ({ length }) => length === 1);
    controller.abort(new Error('enough'));
    assertEqual((await waiting).message, 'enough');
    await seenUntil(seen, ([request]) => request?.wasLeft === true);
  },

  'a wait is ended by its time, as an error of its own': async (world) => {
    const { code, retryable } = await failureOf(
      scripted(world, 'silent').errand.wait(JOB, { timeoutMs: 50 }),
    );
    assertEqual([code, retryable], ['wait_timeout', true]);
  },

  'a signal that was aborted before sends nothing': async (world) => {
    const { errand, seen } = scripted(world, 'silent');
    const signal = AbortSignal.abort(new Error('never'));
    assertEqual((await failureOf(errand.run('shout', {}, { signal }))).message, 'never');
    assertEqual(await seen(), []);
  },

  'a cancel whose answer got lost is still a cancel': async (world) => {
    const { kind, job } = await scripted(world, 'ended_meanwhile').errand.cancel(JOB);
    assertEqual([kind, job.status], ['canceled', 'canceled']);
  },
};

const downloads: Cases = {
  'a result is what its SHA-256 says, with its name and size': async (world) => {
    const result = await scripted(world, 'whole_file').errand.result(JOB);
    const { contentType, filename, bytes } = result;
    assertEqual([contentType, filename, bytes], ['text/plain', 'ä.txt', 15]);
    assertEqual(new TextDecoder().decode(await result.arrayBuffer()), 'the whole of it');
  },

  'a result that is something else is refused': async (world) => {
    const result = await scripted(world, 'wrong_file').errand.result(JOB);
    assertEqual((await failureOf(result.arrayBuffer())).code, 'broken_download');
  },

  'a result that ends early is refused': async (world) => {
    const result = await scripted(world, 'short_file').errand.result(JOB);
    assertEqual((await failureOf(result.arrayBuffer())).code, 'broken_download');
  },

  'a result is read once: a second reader is refused, and the first one goes on': async (world) => {
    const result = await scripted(world, 'whole_file').errand.result(JOB);
    const reader = result.stream().getReader();
    assertEqual((await failureOf(result.arrayBuffer())).name, 'UsageError');
    assertEqual((await reader.read()).value?.length, 15);
  },

  'a download that is not wanted after all is let go, with its connection and its signal': async (world) => {
    const { signal } = new AbortController();
    const listeners = new Set<unknown>();
    const { addEventListener: add, removeEventListener: remove } = signal;
    signal.addEventListener = (...given: Parameters<typeof add>) => {
      listeners.add(given[1]);
      add.apply(signal, given);
    };
    signal.removeEventListener = (...given: Parameters<typeof remove>) => {
      listeners.delete(given[1]);
      remove.apply(signal, given);
    };
    const { errand, seen } = scripted(world, 'endless_file');
    // A browser's cache makes a second request for the same thing wait for the first one.
    const result = (place: number) => errand.result(JOB.slice(0, -1) + place, { signal });
    const first = await result(1);
    await first.cancel();
    await first.cancel();
    assert((await failureOf(first.arrayBuffer())) !== undefined, 'it can be read no longer');
    const second = await result(2);
    await second[Symbol.asyncDispose]();
    const third = await result(3);
    const reader = third.stream().getReader();
    await reader.read();
    await third.cancel();
    assert((await failureOf(reader.read())) !== undefined, 'its reader is told');
    await seenUntil(seen, (requests) => requests.length === 3 && requests.every(({ wasLeft }) => wasLeft));
    assertEqual(listeners.size, 0);
  },

  'a download is ended by its signal, even once all of it has arrived': async (world) => {
    const controller = new AbortController();
    const result = await scripted(world, 'large_file').errand.result(JOB, { signal: controller.signal });
    const reader = result.stream().getReader();
    await reader.read();
    controller.abort(new Error('enough'));
    assertEqual((await failureOf(reader.read())).message, 'enough');
  },
};

export const SCRIPTED_CASES: Cases = { ...retries, ...waits, ...downloads };
