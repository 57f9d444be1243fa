import { createHash, randomUUIDv7 } from 'node:crypto';
import { PAYLOADS_BUCKET, PAYLOADS_STREAM, type PayloadRef, payloadSubjects } from '@errand/contracts';
import type { JetStreamManager } from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/transport-node';
import { createPublisher, type Publisher } from '../append/publisher.ts';
import { JS, LogUnavailable, PayloadsFull, PayloadTooLarge } from '../errors.ts';
import { intoChunks } from './payload-chunks.ts';
import { createPayloadUse, type PayloadRoom } from './payload-room.ts';
import { readPayload } from './read-payload.ts';

/** Something to be stored, whole or piece by piece. */
export interface NewPayload {
  readonly tenantId: string;
  readonly jobId: string;
  readonly contentType: string;
  readonly filename?: string | undefined;
  /** The next piece is read only when there is room for it. A piece may be changed once the next one is asked for. */
  readonly body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** Default: no limit. */
  readonly maxBytes?: number;
  /** Default: the store's limit alone. */
  readonly room?: PayloadRoom;
  /** Stops between two pieces. */
  readonly signal?: AbortSignal;
}

export interface Payloads {
  /**
   * Stores an object under a key of its own. Once this resolves it can be read; otherwise it never can.
   * @throws PayloadsFull, PayloadShareUsed, LogUnavailable, PayloadTooLarge, and whatever the body throws; the signal's reason
   */
  put(payload: NewPayload): Promise<PayloadRef>;
  /**
   * Finds an object and reads it as it is iterated, at most a megabyte ahead. The last piece comes only after all of
   * them have been verified against what was stored.
   * @throws LogUnavailable; iterating throws it too, and PayloadBroken
   */
  open(ref: PayloadRef): Promise<OpenedPayload>;
  /**
   * Removes an object before its time.
   * @throws LogUnavailable
   */
  delete(ref: PayloadRef): Promise<void>;
}

export type OpenedPayload =
  | { readonly kind: 'payload'; readonly body: AsyncIterable<Uint8Array> }
  /** It was removed, or has expired. */
  | { readonly kind: 'gone' };

/** The size of an object's messages in the stream; every NATS client's default. */
const CHUNK_BYTES = 131_072;
/** Chunks in flight at once: a writer holds a megabyte. */
const WINDOW = 8;
const ROLLUP = 'Nats-Rollup';

/**
 * The object store, in the layout of ADR-20, so that `nats object get` reads it too: chunks on a subject of the object,
 * then one message with its description, without which there is no object. Chunks that never got a description expire
 * by age. The id of an object's chunks begins with its tenant's, so that a tenant's can be counted. The client library's own reader asks for all chunks at once and its hash blocks the event loop.
 */
export function createPayloads(
  nc: NatsConnection,
  jsm: JetStreamManager,
  { ackTimeoutMs = 10_000 }: { ackTimeoutMs?: number } = {},
): Payloads & { close(): void } {
  // Most processes store nothing, and each publisher costs a subscription.
  let publisher: Publisher | undefined;
  const stream = PAYLOADS_STREAM;
  const use = createPayloadUse(jsm, CHUNK_BYTES);

  async function putPayload(payload: NewPayload): Promise<PayloadRef> {
    publisher ??= createPublisher(nc, ackTimeoutMs);
    const { tenantId, jobId, room } = payload;
    const objectId = randomUUIDv7();
    const id = `${tenantId}.${objectId}`;
    const chunks = payloadSubjects.chunksOf(id);
    let taken = 0;
    const admit = async (bytes: number) => {
      if (!room) return;
      taken += bytes;
      await use.take(tenantId, bytes, room);
    };
    try {
      const sent = await sendChunks(publisher, chunks, { ...payload, admit });
      const ref: PayloadRef = {
        bucket: PAYLOADS_BUCKET,
        key: `${tenantId}/${jobId}/${objectId}`,
        bytes: sent.bytes,
        sha256: sent.digest.toString('hex'),
        content_type: payload.contentType,
        ...(payload.filename === undefined ? {} : { filename: payload.filename }),
      };
      await describe(publisher, ref, { ...sent, id });
      return ref;
    } catch (error) {
      use.giveBack(tenantId, taken);
      // They would expire by age as well.
      if (nc.isClosed()) throw error;
      jsm.streams.purge(stream, { filter: chunks }).catch(() => {});
      throw error;
    }
  }

  async function deletePayload({ key }: PayloadRef): Promise<void> {
    try {
      await jsm.streams.purge(stream, { filter: payloadSubjects.metaOf(nameToken(key)) });
      for (const filter of chunkSubjects(key)) await jsm.streams.purge(stream, { filter });
    } catch (error) {
      throw new LogUnavailable('the payload was not removed', { cause: error });
    }
  }

  return {
    put: putPayload,
    delete: deletePayload,
    open: (ref) => readPayload(jsm, { stream, ref, meta: payloadSubjects.metaOf(nameToken(ref.key)) }),
    close: () => publisher?.close(),
  };
}

interface SentChunks {
  readonly bytes: number;
  readonly chunks: number;
  readonly digest: Buffer;
  /** The stream sequence of the first of them; 0 for none. */
  readonly firstSequence: number;
}

async function sendChunks(
  publisher: Publisher,
  subject: string,
  payload: NewPayload & { admit: (bytes: number) => Promise<void> },
): Promise<SentChunks> {
  const { body, maxBytes = Number.POSITIVE_INFINITY, signal, admit } = payload;
  const hash = createHash('sha256');
  const onTheirWay: { chunk: Uint8Array; acked: ReturnType<Publisher['publish']> }[] = [];
  // Reuse the memory of stored chunks: left to the garbage collector, it would pile up faster than it is freed.
  const free: Uint8Array[] = [];
  const allocate = () => free.pop() ?? new Uint8Array(CHUNK_BYTES);
  let bytes = 0;
  let chunks = 0;
  let firstSequence = 0;
  let lastSequence = 0;

  async function awaitOldest(): Promise<void> {
    const oldest = onTheirWay.shift();
    const ack = await oldest?.acked;
    if (ack?.kind !== 'stored') throw refused(ack);
    // Chunks that overtook each other would be read in the order in which they arrived.
    if (ack.sequence <= lastSequence)
      throw new LogUnavailable('the chunks of a payload arrived out of order');
    if (firstSequence === 0) firstSequence = ack.sequence;
    lastSequence = ack.sequence;
    if (oldest?.chunk.length === CHUNK_BYTES) free.push(oldest.chunk);
  }

  try {
    for await (const chunk of intoChunks(body, CHUNK_BYTES, allocate)) {
      signal?.throwIfAborted();
      bytes += chunk.length;
      chunks += 1;
      if (bytes > maxBytes) throw new PayloadTooLarge(maxBytes);
      await admit(chunk.length);
      hash.update(chunk);
      if (onTheirWay.length >= WINDOW) await awaitOldest();
      onTheirWay.push({ chunk, acked: publisher.publish(subject, chunk, headers()) });
    }
    while (onTheirWay.length > 0) await awaitOldest();
  } finally {
    // A chunk that is stored after the others were removed would stay.
    await Promise.all(onTheirWay.map(({ acked }) => acked));
  }
  return { bytes, chunks, digest: hash.digest(), firstSequence };
}

/** Turns the chunks into an object. */
async function describe(
  publisher: Publisher,
  ref: PayloadRef,
  sent: SentChunks & { id: string },
): Promise<void> {
  const meta = {
    name: ref.key,
    bucket: ref.bucket,
    nuid: sent.id,
    size: ref.bytes,
    chunks: sent.chunks,
    digest: `SHA-256=${padded(sent.digest)}`,
    mtime: new Date().toISOString(),
    deleted: false,
    options: { max_chunk_size: CHUNK_BYTES },
    metadata: { content_type: ref.content_type, first_sequence: String(sent.firstSequence) },
  };
  const rollup = headers();
  rollup.set(ROLLUP, 'sub');
  const subject = payloadSubjects.metaOf(nameToken(ref.key));
  const ack = await publisher.publish(subject, Buffer.from(JSON.stringify(meta)), rollup);
  if (ack.kind !== 'stored') throw refused(ack);
}

function refused(ack: Awaited<ReturnType<Publisher['publish']>> | undefined): LogUnavailable {
  if (ack?.kind === 'refused' && ack.code === JS.maximumBytesExceeded) {
    return new PayloadsFull();
  }
  const why = ack && 'description' in ack ? ack.description : ack?.kind;
  return new LogUnavailable(`the payload was not stored: ${why}`);
}

/** Where an object's chunks may be, by its key: up to version 0.2.0 their id did not begin with the tenant's. */
function chunkSubjects(key: string): string[] {
  const [tenantId, , id = ''] = key.split('/');
  return [`${tenantId}.${id}`, id].map(payloadSubjects.chunksOf);
}

function nameToken(key: string): string {
  return padded(Buffer.from(key));
}

/** Base64url with the padding that ADR-20 requires. */
function padded(data: Buffer): string {
  return data.toString('base64').replaceAll('+', '-').replaceAll('/', '_');
}
