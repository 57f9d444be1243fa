import { JOBS_STREAM } from '@errand/contracts';
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { JS, jsCode } from '../errors.ts';
import { askPatiently } from './ask-patiently.ts';
import { removeConsumer } from './remove-consumer.ts';

/** A consumer was named by its action alone. */
const CONSUMER = /^executor-[a-z][a-z0-9_]*$/;
/** Waits had a stream of their own. */
const WAITS_STREAM = 'TIMERS';

/**
 * Removes what version 1 of the executor protocol had and this one has not. Executors of that version stop, since their
 * consumer is gone. Resolves with the names of their consumers.
 */
export async function removeVersionOne(nc: NatsConnection): Promise<string[]> {
  const old = await askPatiently(async (options) => {
    const jsm = await jetstreamManager(nc, options);
    await jsm.streams.delete(WAITS_STREAM).catch((error) => {
      if (jsCode(error) !== JS.streamNotFound) throw error;
    });
    const found: string[] = [];
    for await (const { name } of jsm.consumers.list(JOBS_STREAM)) if (CONSUMER.test(name)) found.push(name);
    return found;
  });
  for (const name of old) await removeConsumer(nc, { stream: JOBS_STREAM, name });
  return old;
}
