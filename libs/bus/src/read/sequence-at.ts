import { setTimeout as pause } from 'node:timers/promises';
import { AckPolicy, type ConsumerInfo, DeliverPolicy, type JetStreamManager } from '@nats-io/jetstream';
import { LogUnavailable } from '../errors.ts';

const INACTIVE_NS = 5_000_000_000;
/** Replicas that catch up may be asked again and again for this long without giving more. */
export const CATCH_UP_MS = 10_000;
export const CATCH_UP_PAUSE_MS = 100;

/**
 * The sequence of the first message stored at or after a time (Unix milliseconds), or the next one to come. For
 * consumers with several filters: started at a time, nats-server skips messages of one filter that lie before the first
 * message of another (nats-server #6076, seen with 2.15.1); started at a sequence, it does not.
 */
export async function sequenceAt(jsm: JetStreamManager, stream: string, timeMs: number): Promise<number> {
  const { state } = await jsm.streams.info(stream);
  const giveUpAt = performance.now() + CATCH_UP_MS;
  for (;;) {
    const sequence = (await lookSince(jsm, stream, timeMs)).delivered.stream_seq + 1;
    // A replica that still catches up ends too early.
    const wanted = { seq: sequence, next_by_subj: '>' };
    const next = await jsm.streams.getMessage(stream, wanted);
    if (!next || next.seq > state.last_seq || next.time.getTime() >= timeMs) return sequence;
    if (performance.now() > giveUpAt) throw new LogUnavailable('its replicas lag behind its leader');
    await pause(CATCH_UP_PAUSE_MS);
  }
}

/** How a consumer begins at a time. Nobody waits for its end: the server drops it by itself, should the deletion get lost. */
export async function lookSince(
  jsm: JetStreamManager,
  stream: string,
  sinceMs: number,
  filter_subjects: string[] = [],
): Promise<ConsumerInfo> {
  const info = await jsm.consumers.add(stream, {
    ack_policy: AckPolicy.None,
    mem_storage: true,
    num_replicas: 1,
    inactive_threshold: INACTIVE_NS,
    filter_subjects,
    deliver_policy: DeliverPolicy.StartTime,
    opt_start_time: new Date(sinceMs).toISOString(),
  });
  void jsm.consumers.delete(stream, info.name).catch(() => {});
  return info;
}
