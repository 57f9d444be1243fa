import type { JetStreamManager } from '@nats-io/jetstream';
import { lookSince } from './sequence-at.ts';

/** How many messages of a subject a stream has that were stored at or after a time, in Unix milliseconds. */
export async function countSince(
  jsm: JetStreamManager,
  stream: string,
  { subject, sinceMs }: { subject: string; sinceMs: number },
): Promise<number> {
  return (await lookSince(jsm, stream, sinceMs, [subject])).num_pending;
}
