import { BUCKETS, JOBS_STREAM } from '@errand/contracts';
import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { BusConnection } from '../connect/connect.ts';
import { JS, jsCode } from '../errors.ts';
import { isTrimming, putBackUsualAge } from './trim-log.ts';

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
 * one. `onReplaced` is called once. With `endsTrims`, a trim of which two looks in a row find the beginning and not the end is
 * ended here.
 */
export async function watchLog(
  {
    nc,
    jsm,
    name,
    endsTrims,
  }: { nc: NatsConnection; jsm: JetStreamManager; name: string; endsTrims: boolean },
  options: Omit<BusConnection, 'nc'> & { onReplaced: (error: Error) => void },
): Promise<LogWatch & { close(): void }> {
  // A cluster that is still electing may not say it yet: then the first answer counts.
  let created = (await readIdentity(jsm).catch(() => undefined))?.created;
  let sawTrim = false;
  let asked: Promise<boolean> | undefined;
  let askedAt = Number.NEGATIVE_INFINITY;

  async function look(): Promise<void> {
    const found = await readIdentity(jsm).catch(() => undefined);
    if (found === undefined) return;
    created ??= found.created;
    if (found.created === created) return endsTrims ? endTrim(found.config) : undefined;
    close();
    options.onReplaced(new Error('the log was replaced since this process started'));
  }
  async function endTrim(config: StreamInfo['config'] | undefined): Promise<void> {
    const wasSeen = sawTrim;
    sawTrim = config !== undefined && isTrimming(config);
    if (sawTrim && wasSeen && config) await putBackUsualAge(jsm, config).catch(() => {});
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

/** `created` is `none` if there is no log. Rejects when the server does not answer. */
async function readIdentity(
  jsm: JetStreamManager,
): Promise<{ created: string; config?: StreamInfo['config'] }> {
  try {
    const { created, config } = await jsm.streams.info(JOBS_STREAM);
    return { created: String(created), config };
  } catch (error) {
    if (jsCode(error) === JS.streamNotFound) return { created: 'none' };
    throw error;
  }
}
