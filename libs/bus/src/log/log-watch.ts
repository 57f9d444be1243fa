import { BUCKETS, JOBS_STREAM } from '@errand/contracts';
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { BusConnection } from '../connect/connect.ts';
import { JS, jsCode } from '../errors.ts';

export interface LogWatch {
  /** Whether the server has the log and stores messages, beyond being reachable; tried at most twice a second. */
  isAnswering(): Promise<boolean>;
}

const ANSWER_AGE_MS = 500;
const LOOK_MS = 5_000;
const PROBE_TIMEOUT_MS = 2_000;

/**
 * Watches whether the log answers, and whether it is still the one that this process began with: after its loss another
 * one may have been made, and the keys, endpoints and positions that the process remembers would belong to the lost
 * one. `onReplaced` is called once.
 */
export async function watchLog(
  { nc, jsm, name }: { nc: NatsConnection; jsm: JetStreamManager; name: string },
  options: Omit<BusConnection, 'nc'> & { onReplaced: (error: Error) => void },
): Promise<LogWatch & { close(): void }> {
  // A cluster that is still electing may not say it yet: then the first answer counts.
  let created = await createdAt(jsm).catch(() => undefined);
  let asked: Promise<boolean> | undefined;
  let askedAt = Number.NEGATIVE_INFINITY;

  async function look(): Promise<void> {
    const found = await createdAt(jsm).catch(() => undefined);
    created ??= found;
    if (found === undefined || found === created) return;
    close();
    options.onReplaced(new Error('the log was replaced since this process started'));
  }
  const timer = setInterval(() => void look(), LOOK_MS).unref();
  let lost = Promise.withResolvers<false>();
  const stopListening = [
    options.onReconnected(() => void look()),
    options.onDisconnected(() => {
      // Pending questions will not be answered.
      lost.resolve(false);
      lost = Promise.withResolvers();
      asked = undefined;
    }),
  ];
  function close(): void {
    clearInterval(timer);
    for (const stop of stopListening) stop();
  }

  return {
    async isAnswering() {
      if (!options.isConnected()) return false;
      if (!asked || performance.now() - askedAt > ANSWER_AGE_MS) {
        askedAt = performance.now();
        asked = Promise.all([jsm.streams.info(JOBS_STREAM), probe(nc, name)]).then(
          ([, isStored]) => isStored,
          () => false,
        );
      }
      return Promise.race([asked, lost.promise]);
    },
    close,
  };
}

/** A server whose disk is full answers questions, but refuses to store anything. */
async function probe(nc: NatsConnection, name: string): Promise<boolean> {
  const answer = await nc.request(`$KV.${BUCKETS.probes}.${name}`, '', { timeout: PROBE_TIMEOUT_MS });
  return answer.json<{ error?: unknown }>().error === undefined;
}

/** `none` if there is no log. Rejects when the server does not answer. */
async function createdAt(jsm: JetStreamManager): Promise<string> {
  try {
    return String((await jsm.streams.info(JOBS_STREAM)).created);
  } catch (error) {
    if (jsCode(error) === JS.streamNotFound) return 'none';
    throw error;
  }
}
