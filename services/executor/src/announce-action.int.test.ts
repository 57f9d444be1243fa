import { type Action, defineAction } from '@errand/actions';
import { type Bus, openBucket } from '@errand/bus';
import { ActionContract, BUCKETS } from '@errand/contracts';
import { startTestNats, type TestNats } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { announceAction, withdrawAction } from './announce-action.ts';
import { openExecutorTestBus } from './test-executor.ts';

let nats: TestNats;
let bus: Bus;
beforeAll(async () => {
  nats = await startTestNats();
  bus = await openExecutorTestBus(nats.url);
});
afterAll(async () => {
  await bus?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

/** With a schema as a file in YAML may have it. */
function actionOf(version: string): Action {
  const empty = z.object({});
  const action = defineAction({ name: 'odd', version, input: empty, result: empty, run: () => ({}) });
  return { ...action, contract: { ...action.contract, input_schema: { type: 'object', minimum: -0 } } };
}

test('a contract that JSON writes otherwise is announced once and withdrawn', async () => {
  const bucket = await openBucket(bus.nc, BUCKETS.actions, ActionContract);
  await announceAction(bus, actionOf('1'));
  expect(await bucket.get('odd')).toMatchObject({ version: '1' });
  await withdrawAction(bus, actionOf('1'));
  expect(await bucket.get('odd')).toBeUndefined();
});

test('what another executor has announced meanwhile stays', async () => {
  const bucket = await openBucket(bus.nc, BUCKETS.actions, ActionContract);
  await announceAction(bus, actionOf('2'));
  await withdrawAction(bus, actionOf('1'));
  expect(await bucket.get('odd')).toMatchObject({ version: '2' });
});
