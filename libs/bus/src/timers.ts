import { type JobRef, refOfDueTimer, TIMERS_CONSUMER, timerSubjects } from '@errand/contracts';
import { type JetStreamClient, jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { LogUnavailable } from './errors.ts';
import { type PullOptions, pullMessages, type Verdict } from './pull-messages.ts';

export interface Timers {
  /**
   * Has the job's wait end at the given time, or at once if that is past. It replaces an earlier wait of the job,
   * survives restarts of everything, and may be called again and again.
   * @throws LogUnavailable
   */
  scheduleDue(ref: JobRef, atMs: number): Promise<void>;
}

/** Waits are message schedules of the server: they hold no consumer's slot, however many there are. */
export function createTimers(nc: NatsConnection): Timers {
  const js: JetStreamClient = jetstream(nc);
  return {
    async scheduleDue(ref, atMs) {
      const { wait, due } = timerSubjects(ref);
      try {
        // Without `never` the stream's own age limit could delete the wait before its time.
        const schedule = { specification: { at: new Date(atMs) }, target: due };
        await js.publish(wait, '', { ttl: 'never', schedule });
      } catch (error) {
        throw new LogUnavailable('the wait was not acknowledged', { cause: error });
      }
    },
  };
}

/**
 * Handles the ends of waits, which come with the time by the server's clock. An end may come twice, and after its job
 * has moved on.
 */
export function consumeDueTimers(
  nc: NatsConnection,
  options: Omit<PullOptions, 'consumer' | 'handle'> & {
    handle: (ref: JobRef, endedAtMs: number) => Promise<Verdict>;
  },
): Promise<void> {
  return pullMessages(nc, {
    ...options,
    consumer: TIMERS_CONSUMER,
    handle: async (message) => {
      const ref = refOfDueTimer(message.subject);
      const endedAtMs = Number(message.timestampNanos / 1_000_000n);
      return ref ? options.handle(ref, endedAtMs) : { kind: 'done' };
    },
  });
}
