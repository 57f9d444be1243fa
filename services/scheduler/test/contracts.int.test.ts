import { connectionOf } from '@errand/bus/testing';
import { type ActionContract, ActionRecord, BUCKETS, ExecutorHeartbeat } from '@errand/contracts';
import { startTestNats, startTestScheduler, type TestNats } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestJobs, type TestJobs } from './test-jobs.ts';

let nats: TestNats;
let jobs: TestJobs;
const schedulers: AsyncDisposable[] = [];
beforeAll(async () => {
  nats = await startTestNats();
  jobs = await openTestJobs(nats.url);
  const env = { ERRAND_SCHEDULER_CONTRACT_SWEEP_MS: '50' };
  schedulers.push(...(await Promise.all([1, 2].map(() => startTestScheduler(nats.url, env)))));
});
afterAll(async () => {
  await Promise.all(schedulers.map((scheduler) => scheduler[Symbol.asyncDispose]()));
  await jobs?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

function contractOf(name: string, contract_id: string, resource = ''): ActionContract {
  const schemas = { input_schema: { title: contract_id }, result_schema: {} };
  const about = { name, contract_id, accepts: [], version: '1', description: '', resource };
  return { ...about, ...schemas, max_attempts: 3, timeout_ms: 1_000 };
}

const announce = (executor_id: string, contract: ActionContract) =>
  jobs.bus.commands.askScheduler('announce', { executor_id, protocol: 2, lease_ms: 2_000, contract });

async function beat(executor_id: string, action: string, contract_id: string): Promise<() => Promise<void>> {
  const bucket = await jobs.bus.buckets.open(BUCKETS.executors, ExecutorHeartbeat);
  const about = { executor_id, protocol: 2, version: '1', started_at: new Date().toISOString() };
  await bucket.put(executor_id, { ...about, contracts: [{ action, contract_id, slots: 1, running: 0 }] });
  return () => bucket.delete(executor_id);
}

async function recordOf(action: string) {
  const bucket = await jobs.bus.buckets.open(BUCKETS.actions, ActionRecord);
  return (await bucket.get(action))?.contracts ?? [];
}

test('executors that announce at once get one consumer for each contract', async () => {
  const answers = await Promise.all(
    ['a', 'b', 'c', 'a', 'b', 'c'].map((id, place) => announce(`e-${place}`, contractOf('many', id))),
  );
  const consumers = new Map<string, Set<string>>();
  for (const answer of answers) {
    if (answer.kind !== 'admitted') throw new Error(answer.message);
    for (const { contract_id, consumer } of answer.sources)
      consumers.set(contract_id, (consumers.get(contract_id) ?? new Set()).add(consumer));
  }
  const names = [...consumers.values()].flatMap((each) => [...each]);
  expect(names.toSorted()).toEqual(['executor-many-0', 'executor-many-1', 'executor-many-2']);
  for (const { contract, slot } of await recordOf('many')) {
    const info = await connectionOf(jobs.bus).request(`$JS.API.CONSUMER.INFO.JOBS.executor-many-${slot}`);
    const { config } = info.json<{ config: { filter_subjects: string[]; ack_wait: number } }>();
    expect(config.filter_subjects).toContain(`jobs.*.many.*.requested.fast.${contract.contract_id}`);
    expect(config.ack_wait).toBe(2_000_000_000);
  }
});

test('a contract is unserved once the last executor that serves it has gone, and served again by the next', async () => {
  await announce('one', contractOf('gone', 'a'));
  const leave = await beat('one', 'gone', 'a');
  await expect.poll(async () => (await recordOf('gone'))[0]?.unserved_since).toBeNull();
  await leave();
  await expect.poll(async () => (await recordOf('gone'))[0]?.unserved_since).not.toBeNull();
  await announce('two', contractOf('gone', 'a'));
  await expect.poll(async () => (await recordOf('gone'))[0]?.unserved_since).toBeNull();
});

test('a name that others serve at another path is refused until they are gone', async () => {
  await announce('first', contractOf('clash', 'a', 'robots/{robot}'));
  const leave = await beat('first', 'clash', 'a');
  const other = contractOf('clash', 'b', 'arms/{arm}');
  expect(await announce('second', other)).toEqual({
    kind: 'refused',
    code: 'other_path',
    message: 'the name clash is taken: first serves it at robots/{robot}/clash',
  });
  await leave();
  await expect.poll(async () => (await announce('second', other)).kind).toBe('admitted');
  expect(
    (await recordOf('clash')).map(({ contract, withdrawn }) => [contract.contract_id, withdrawn]),
  ).toEqual([
    ['a', true],
    ['b', false],
  ]);
});

test('an executor gets the consumers of the live contracts that it accepts', async () => {
  await announce('old', contractOf('kept', 'a'));
  const answer = await announce('new', { ...contractOf('kept', 'b'), accepts: ['a', 'never'] });
  expect(answer.kind === 'admitted' && answer.sources.map((each) => each.contract_id)).toEqual(['a', 'b']);
});

test('a contract that another executor serves is not withdrawn', async () => {
  await announce('one', contractOf('shared', 'a'));
  await beat('one', 'shared', 'a');
  await beat('two', 'shared', 'a');
  const withdraw = (executor_id: string) =>
    jobs.bus.commands.askScheduler('withdraw', { executor_id, action: 'shared', contract_id: 'a' });
  await expect.poll(() => withdraw('one')).toEqual({ kind: 'kept', executors: ['two'] });
  expect((await recordOf('shared'))[0]?.withdrawn).toBe(false);
});
