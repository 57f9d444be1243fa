import { AckPolicy, DeliverPolicy, type JetStreamManager } from '@nats-io/jetstream';

const INACTIVE_NS = 5_000_000_000;

/**
 * The sequence of the first message stored at or after a time (Unix milliseconds), or the next one to come. For
 * consumers with several filters: started at a time, nats-server skips messages of one filter that lie before the first
 * message of another (nats-server #6076, seen with 2.15.1); started at a sequence, it does not.
 */
export async function sequenceAt(jsm: JetStreamManager, stream: string, timeMs: number): Promise<number> {
  const { name, delivered } = await jsm.consumers.add(stream, {
    ack_policy: AckPolicy.None,
    mem_storage: true,
    num_replicas: 1,
    inactive_threshold: INACTIVE_NS,
    deliver_policy: DeliverPolicy.StartTime,
    opt_start_time: new Date(timeMs).toISOString(),
  });
  await jsm.consumers.delete(stream, name).catch(() => {});
  return delivered.stream_seq + 1;
}
