import type { Bus } from '@errand/bus';
import { connectionOf } from '@errand/bus/testing';
import {
  ActionRecord,
  BUCKETS,
  currentContract,
  executorConsumerName,
  JOBS_STREAM,
  type LiveContract,
} from '@errand/contracts';
import { waitUntil } from '@errand/testkit';
import { RuleBroken, type Stage } from './rule.ts';

/** The part of JetStream's consumer info that the tests use. */
export interface ConsumerInfo {
  readonly config: Readonly<Record<string, unknown>>;
  readonly delivered: { readonly stream_seq: number };
  readonly num_ack_pending: number;
  readonly num_redelivered: number;
  readonly num_pending: number;
}

/** Undefined for a consumer that does not exist. */
async function consumerInfo(bus: Bus, stream: string, name: string): Promise<ConsumerInfo | undefined> {
  const answer = await connectionOf(bus).request(`$JS.API.CONSUMER.INFO.${stream}.${name}`, '', {
    timeout: 2_000,
  });
  const info = answer.json<ConsumerInfo & { error?: unknown }>();
  return info.error ? undefined : info;
}

/** The contract under which an action's runs are accepted. @throws RuleBroken if none is announced */
export async function liveContract(bus: Bus, action: string): Promise<LiveContract> {
  const actions = await bus.buckets.open(BUCKETS.actions, ActionRecord);
  const live = currentContract(await actions.get(action));
  if (!live) throw new RuleBroken(`no contract of ${action} is announced`);
  return live;
}

/** What the executors of an action are working on. */
export async function workOfAction(bus: Bus, action: string): Promise<ConsumerInfo> {
  const { name } = await executorOf(bus, action);
  const info = await consumerInfo(bus, JOBS_STREAM, name);
  if (!info) throw new RuleBroken(`there is no consumer ${name}`);
  return info;
}

/**
 * Resolves when a consumer has been given everything up to a sequence and has settled it.
 * @throws RuleBroken if that does not happen in time.
 */
export async function untilSettled(
  { bus, patienceMs }: Stage,
  consumer: { stream: string; name: string },
  sequence: number,
): Promise<void> {
  let last = 'nothing';
  try {
    await waitUntil(
      async () => {
        const info = await consumerInfo(bus, consumer.stream, consumer.name);
        if (!info) return false;
        last = `delivered up to ${info.delivered.stream_seq}, ${info.num_ack_pending} not acknowledged`;
        return info.delivered.stream_seq >= sequence && info.num_ack_pending === 0;
      },
      { timeoutMs: patienceMs },
    );
  } catch (cause) {
    throw new RuleBroken(`${consumer.name} has not settled ${sequence}: ${last}`, { cause });
  }
}

/** The consumer that delivers the jobs of an action's contract. */
export async function executorOf(bus: Bus, action: string): Promise<{ stream: string; name: string }> {
  const { slot } = await liveContract(bus, action);
  return { stream: JOBS_STREAM, name: executorConsumerName(action, slot) };
}
