import { AckPolicy, DeliverPolicy, type JetStreamManager } from '@nats-io/jetstream';

const INACTIVE_NS = 5_000_000_000;

/** How many messages of a subject a stream has that were stored at or after a time, in Unix milliseconds. */
export async function countSince(
  jsm: JetStreamManager,
  stream: string,
  { subject, sinceMs }: { subject: string; sinceMs: number },
): Promise<number> {
  const { name, num_pending } = await jsm.consumers.add(stream, {
    ack_policy: AckPolicy.None,
    mem_storage: true,
    num_replicas: 1,
    inactive_threshold: INACTIVE_NS,
    filter_subjects: [subject],
    deliver_policy: DeliverPolicy.StartTime,
    opt_start_time: new Date(sinceMs).toISOString(),
  });
  // Nobody waits for it: the server drops it by itself, should this get lost.
  void jsm.consumers.delete(stream, name).catch(() => {});
  return num_pending;
}
