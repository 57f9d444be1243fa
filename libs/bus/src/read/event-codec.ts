import {
  isNestedTooDeeply,
  JobEvent,
  type JobRef,
  MAX_EVENT_DEPTH,
  type RecordedEvent,
  refOfSubject,
} from '@errand/contracts';
import { isPlainEvent } from './plain-event.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Why a stored message is not an event of ours. */
export interface Unreadable {
  readonly kind: 'unreadable';
  readonly subject: string;
  readonly version: number;
  readonly reason: string;
}

export function encodeEvent(event: JobEvent): Uint8Array {
  return encoder.encode(JSON.stringify(event));
}

/** Reads a stored message, or says why it cannot be read. It never throws. */
export function decodeEvent(message: {
  subject: string;
  seq: number;
  data: Uint8Array;
}): { kind: 'event'; recorded: RecordedEvent } | Unreadable {
  const { subject, seq: version, data } = message;
  const ref = refOfSubject(subject);
  if (!ref) return { kind: 'unreadable', subject, version, reason: 'the subject names no job' };
  const decoded = decodeText(ref, { version, text: decoder.decode(data) });
  return decoded.kind === 'event' ? decoded : { ...decoded, subject };
}

/** The same for a stored message's body as text; its subject names the job. */
export function decodeText(
  ref: JobRef,
  { version, text }: { version: number; text: string },
): { kind: 'event'; recorded: RecordedEvent } | Omit<Unreadable, 'subject'> {
  const unreadable = (reason: string) => ({ kind: 'unreadable' as const, version, reason });
  if (isNestedTooDeeply(text, MAX_EVENT_DEPTH)) {
    return unreadable(`nested more than ${MAX_EVENT_DEPTH} levels deep`);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return unreadable('the body is not JSON');
  }
  const parsed = isPlainEvent(json) ? { success: true as const, data: json } : JobEvent.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return unreadable(`not an event: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  return parsed.data.subject === ref.jobId
    ? { kind: 'event', recorded: { ref, version, event: parsed.data } }
    : unreadable('the event belongs to a different job than its subject');
}

/** The id inside a stored message, without checking the rest of it. */
export function eventIdOf(data: Uint8Array): string | undefined {
  try {
    return (JSON.parse(decoder.decode(data)) as { id?: string }).id;
  } catch {
    return undefined;
  }
}
