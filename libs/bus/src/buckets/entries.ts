import type { KV, KvEntry } from '@nats-io/kv';
import type { MsgHdrs } from '@nats-io/transport-node';
import { JS, jsCode, LogUnavailable } from '../errors.ts';

/* Single entries of key-value buckets. All throw LogUnavailable when the server does not answer. */

/** Validates a stored value when it is read: a zod schema fits. */
export interface ValueSchema<T> {
  safeParse(json: unknown): { data?: T | undefined };
}

/** Writes only if the revision, 0 for none, is still the newest of the key; otherwise false. */
export function putAfter(
  kv: KV,
  key: string,
  value: string | Uint8Array,
  revision: number,
): Promise<boolean> {
  return isNewest(() => kv.put(key, value, { previousSeq: revision }));
}

/** The same for a deletion. */
export function deleteAfter(kv: KV, key: string, revision: number): Promise<boolean> {
  return isNewest(() => kv.delete(key, { previousSeq: revision }));
}

async function isNewest(write: () => Promise<unknown>): Promise<boolean> {
  try {
    await write();
    return true;
  } catch (error) {
    const code = jsCode(error);
    if (code === JS.wrongLastSequence || code === JS.wrongLastSequenceInFlight) return false;
    throw new LogUnavailable('the bucket did not take the value', { cause: error });
  }
}

/** @throws LogUnavailable */
export function getEntry(kv: KV, key: string): Promise<KvEntry | null> {
  return answered(kv.get(key));
}

/** A value that does not fit its schema counts as absent: one bad entry must not stop a service. */
export function readValue<T>(schema: ValueSchema<T>, entry: KvEntry | null): T | undefined {
  const json = jsonOf(entry);
  return json === undefined ? undefined : schema.safeParse(json).data;
}

/** In every answer to a direct read. Entries are read otherwise, so none that a client has written has it. */
const ANSWERED_STREAM = 'Nats-Stream';

/**
 * Whether NATS itself wrote it, as an answer that somebody had sent here. Permissions do not forbid that, and whoever may
 * read any stream can so write what it holds.
 */
function isAnswer(entry: KvEntry): boolean {
  const { sm } = entry as { sm?: { header?: MsgHdrs; headers?: MsgHdrs } };
  return (sm?.header ?? sm?.headers)?.has(ANSWERED_STREAM) === true;
}

/** The JSON of an entry that is there; undefined for what is none. */
export function jsonOf(entry: KvEntry | null): unknown {
  try {
    return entry?.operation === 'PUT' && !isAnswer(entry) ? entry.json() : undefined;
  } catch {
    return undefined;
  }
}

export async function answered<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw new LogUnavailable('the bucket did not answer', { cause: error });
  }
}
