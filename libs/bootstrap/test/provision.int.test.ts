import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { natsUrlOf, startTestNats, type TestNats } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

const MAIN = join(import.meta.dirname, '..', 'src', 'provision-main.ts');

let nats: TestNats;
beforeAll(async () => {
  nats = await startTestNats();
});
afterAll(() => nats?.[Symbol.asyncDispose]());

/** Resolves with the exit code and what was said. */
async function provision(env: Record<string, string>): Promise<[code: number, said: string]> {
  const running = promisify(execFile)(process.execPath, [MAIN], { env: { ...env, PATH: process.env.PATH } });
  return running.then(
    ({ stdout }) => [0, stdout],
    ({ code, stderr }) => [code, stderr],
  );
}

test('the process ends with 0 once all is there, however often it runs', async () => {
  const env = { NATS_URL: natsUrlOf(nats.url, 'provision') };
  for (const maxBytes of ['50000000', '60000000']) {
    const ended = await provision({ ...env, ERRAND_JOBS_MAX_BYTES: maxBytes });
    expect(ended).toEqual([0, 'NATS has all streams and buckets\n']);
  }
});

test('a wrong setting, and a user who may not, end it with 2, in words', async () => {
  expect(await provision({ ERRAND_REPLICAS: 'x' })).toEqual([2, expect.stringContaining('ERRAND_REPLICAS')]);
  const asWebhooks = await provision({ NATS_URL: natsUrlOf(nats.url, 'webhooks') });
  expect(asWebhooks).toEqual([2, expect.stringContaining('Permissions Violation')]);
});
