import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { idleHooks } from '../../test/hooks.ts';
import { moduleCode, newCodeVersion } from '../loading/module-code.ts';
import { createWorkerPool } from './worker-pool.ts';

const ACTIONS = fileURLToPath(new URL('../../test/fixtures/actions.ts', import.meta.url));
const CODE = moduleCode(newCodeVersion(dirname(ACTIONS)), ACTIONS);

test('a thread that failed outside of its action runs no further attempt', async () => {
  await using pool = createWorkerPool(CODE, 'busy', () => {});
  const run = (how: string) => {
    const order = { jobId: 'j', tenantId: 't', input: { how }, resource: {}, metadata: {}, attempt: 1 };
    return pool.run(order, idleHooks(new AbortController().signal));
  };
  for (let falls = 0; falls < 3; falls++) {
    expect(await run('fall')).toMatchObject({ kind: 'failed', error: { code: 'action_failed' } });
    expect(await run('answer')).toEqual({ kind: 'succeeded', json: '{"ok":true}' });
  }
}, 60_000);

test('a report that cannot be taken fails its attempt and ends its thread, and nothing else', async () => {
  await using pool = createWorkerPool(CODE, 'busy', () => {});
  const order = {
    jobId: 'j',
    tenantId: 't',
    input: { how: 'babble' },
    resource: {},
    metadata: {},
    attempt: 1,
  };
  const idle = idleHooks(new AbortController().signal);
  const progress = (_percent: number, message?: string) => void message?.slice(0, 500);
  expect(await pool.run(order, { ...idle, progress })).toMatchObject({
    kind: 'failed',
    error: { code: 'action_failed' },
    cause: expect.stringContaining('TypeError'),
  });
  expect(await pool.run({ ...order, input: { how: 'answer' } }, idle)).toMatchObject({ kind: 'succeeded' });
});
