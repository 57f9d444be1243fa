import { createHash } from 'node:crypto';
import { type PayloadRef, payloadSubjects } from '@errand/contracts';
import type { JetStreamManager, StoredMsg } from '@nats-io/jetstream';
import { LogUnavailable, PayloadBroken } from '../errors.ts';
import type { OpenedPayload } from './payloads.ts';

/** Chunks per request, and so held in memory: a megabyte. */
const BATCH_CHUNKS = 8;
const BATCH_TIMEOUT_MS = 5_000;

/** The part of an object's description that reading needs. */
interface Meta {
  nuid?: string;
  deleted?: boolean;
  metadata?: { first_sequence?: string };
}

/** Finds an object by the subject of its description; see Payloads.openPayload. */
export async function readPayload(
  jsm: JetStreamManager,
  wanted: { stream: string; ref: PayloadRef; meta: string },
): Promise<OpenedPayload> {
  const { stream, ref, meta } = wanted;
  const described = await fromLeader(jsm, stream, { last_by_subj: meta });
  const { nuid, deleted, metadata }: Meta = described ? described.json() : {};
  if (nuid === undefined || deleted) return { kind: 'gone' };
  const subject = payloadSubjects.chunksOf(nuid);
  const firstSequence = Number(metadata?.first_sequence ?? 1);
  return { kind: 'payload', body: verified(ref, chunksFrom(jsm, { stream, subject, firstSequence, ref })) };
}

/** Passes chunks on, one behind, and the last one only if all of them together match the ref. */
async function* verified(
  ref: PayloadRef,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = createHash('sha256');
  let bytes = 0;
  let held: Uint8Array | undefined;
  for await (const chunk of chunks) {
    hash.update(chunk);
    bytes += chunk.length;
    if (held) yield held;
    held = chunk;
  }
  if (bytes !== ref.bytes || hash.digest('hex') !== ref.sha256) {
    throw new PayloadBroken(`${ref.key} is not what was stored`);
  }
  if (held) yield held;
}

async function* chunksFrom(
  jsm: JetStreamManager,
  from: { stream: string; subject: string; firstSequence: number; ref: PayloadRef },
): AsyncGenerator<Uint8Array, void, undefined> {
  const { stream, subject, ref } = from;
  let sequence = from.firstSequence;
  let missing = ref.bytes;
  while (missing > 0) {
    const wanted = { seq: sequence, next_by_subj: subject };
    let batch = await readBatch(jsm, stream, wanted);
    if (batch.length === 0) {
      // A replica may lag; what the leader does not have does not exist.
      const next = await fromLeader(jsm, stream, wanted);
      if (!next) throw new PayloadBroken(`${missing} bytes of ${ref.key} are missing`);
      batch = [next];
    }
    for (const { data, seq } of batch) {
      missing -= data.length;
      sequence = seq + 1;
      yield data;
    }
  }
}

/** The next chunks that a replica has, in order; none if it has none. */
async function readBatch(
  jsm: JetStreamManager,
  stream: string,
  wanted: { seq: number; next_by_subj: string },
): Promise<StoredMsg[]> {
  const { promise, resolve, reject } = Promise.withResolvers<StoredMsg[]>();
  const found: StoredMsg[] = [];
  // A connection that is lost during an answer leaves it without an end.
  const timer = setTimeout(() => reject(new LogUnavailable('the payload was not read')), BATCH_TIMEOUT_MS);
  const callback = (done: { err?: Error } | null, message: StoredMsg) => {
    if (!done) found.push(message);
    else if (done.err && found.length === 0 && !isNotFound(done.err)) {
      reject(new LogUnavailable('the payload was not read', { cause: done.err }));
    } else resolve(found);
  };
  jsm.direct.getBatch(stream, { ...wanted, batch: BATCH_CHUNKS, callback }).catch(reject);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

async function fromLeader(
  jsm: JetStreamManager,
  stream: string,
  wanted: { last_by_subj: string } | { seq: number; next_by_subj: string },
): Promise<StoredMsg | null> {
  try {
    return await jsm.streams.getMessage(stream, wanted);
  } catch (error) {
    throw new LogUnavailable('the payloads did not answer', { cause: error });
  }
}

/** The status of an empty batch. */
function isNotFound(error: Error): boolean {
  return 'code' in error && error.code === 404;
}
