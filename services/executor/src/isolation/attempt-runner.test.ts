import { getEventListeners } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { defineAction } from '@errand/actions';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { idleHooks } from '../../test/hooks.ts';
import { createAttemptRunner } from './attempt-runner.ts';

const ORDER = { jobId: 'j', tenantId: 't', input: {}, resource: {}, metadata: {}, attempt: 1 };

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

test('an attempt that has ended leaves nothing behind, however long its timeout', async () => {
  const signals: WeakRef<AbortSignal>[] = [];
  const action = defineAction({
    name: 'brief',
    input: z.object({}),
    result: z.object({}),
    timeoutMs: 600_000,
    run: ({ signal }) => {
      signals.push(new WeakRef(signal));
      return {};
    },
  });
  await using runner = createAttemptRunner(action, { onStray: () => {} });
  const { signal } = new AbortController();
  for (let attempts = 0; attempts < 20; attempts++) {
    const outcome = await runner.run(ORDER, idleHooks(signal));
    expect(outcome.kind).toBe('succeeded');
  }
  expect(getEventListeners(signal, 'abort').length).toBe(0);
  await expect
    .poll(() => {
      collectGarbage();
      return signals.filter((each) => each.deref() !== undefined).length;
    })
    .toBe(0);
});
