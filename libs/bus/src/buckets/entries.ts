import type { KV, KvEntry } from '@nats-io/kv';
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

/** The JSON of an entry that is there; undefined for what is none. */
export function jsonOf(entry: KvEntry | null): unknown {
  try {
    return entry?.operation === 'PUT' ? entry.json() : undefined;
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
