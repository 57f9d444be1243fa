import { setTimeout as pause } from 'node:timers/promises';
import type { SnapshotHead } from '@errand/contracts';
import { createInbox, type Msg, type NatsConnection, type Subscription } from '@nats-io/transport-node';
import { isNobodyThere, JS, LogUnavailable, UnfitServer } from '../errors.ts';

/*
 * A stream as the server itself writes it down (STREAM.SNAPSHOT) and takes it back (STREAM.RESTORE): each message at its own
 * sequence, with its time and headers. The client library has no calls for them.
 */

/** Bytes of a chunk; each is acknowledged, so a slow reader slows the server down. */
const CHUNK_BYTES = 128 * 1024;
const ASK_MS = 30_000;
/** So long without a chunk, and the snapshot has failed. */
const STALL_MS = 60_000;
/** The server may read all of a stream again before it says that it has it. */
const RESTORED_MS = 3_600_000;
const END_STATUS = 204;
/** For so long another server of a cluster may not be known that takes the chunks. */
const KNOWN_MS = 5_000;
const PAUSE_MS = 50;

/** Begins a snapshot as of this moment, without consumers; undefined if there is no such stream. */
export async function openSnapshot(
  nc: NatsConnection,
  stream: string,
): Promise<{ head: SnapshotHead; chunks: AsyncGenerator<Uint8Array> } | undefined> {
  const inbox = createInbox();
  const subscription = nc.subscribe(inbox);
  const asked = { deliver_subject: inbox, no_consumers: true, chunk_size: CHUNK_BYTES };
  try {
    const head = await ask<SnapshotHead>(nc, `$JS.API.STREAM.SNAPSHOT.${stream}`, JSON.stringify(asked));
    const { config, state } = head;
    return { head: { config, state }, chunks: chunksOf(stream, subscription) };
  } catch (error) {
    subscription.unsubscribe();
    if (error instanceof ApiRefusal && error.jsCode === JS.streamNotFound) return undefined;
    throw error;
  }
}

async function* chunksOf(stream: string, subscription: Subscription): AsyncGenerator<Uint8Array> {
  const stalled = setTimeout(() => subscription.unsubscribe(), STALL_MS);
  try {
    for await (const message of subscription) {
      stalled.refresh();
      if (message.data.length === 0) return assertEnd(stream, message);
      yield message.data;
      message.respond();
    }
    throw new LogUnavailable(`the snapshot of ${stream} was cut off`);
  } finally {
    clearTimeout(stalled);
    subscription.unsubscribe();
  }
}

/** A snapshot ends with an empty message; one that has failed says so in its status. */
function assertEnd(stream: string, { headers }: Msg): void {
  if (!headers?.hasError && (headers?.code ?? 0) <= END_STATUS) return;
  throw new LogUnavailable(`the server ended the snapshot of ${stream}: ${headers?.description}`);
}

/**
 * Makes a stream that is not there from a snapshot.
 * @throws UnfitServer if the server refuses it
 */
export async function restoreSnapshot(
  nc: NatsConnection,
  { config, state }: SnapshotHead,
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> {
  const { name } = config;
  const begun = await ask<{ deliver_subject: string }>(
    nc,
    `$JS.API.STREAM.RESTORE.${name}`,
    JSON.stringify({ config, state }),
  );
  for await (const bytes of chunks) {
    for (let from = 0; from < bytes.length; from += CHUNK_BYTES) {
      const chunk = bytes.subarray(from, from + CHUNK_BYTES);
      await ask(nc, begun.deliver_subject, chunk);
    }
  }
  await ask(nc, begun.deliver_subject, new Uint8Array(), RESTORED_MS);
}

/** The server's answer is an error. */
export class ApiRefusal extends UnfitServer {
  readonly jsCode: number;
  constructor(
    subject: string,
    { err_code = 0, description = '' }: { err_code?: number; description?: string },
  ) {
    super(`${subject}: ${description}`);
    this.jsCode = err_code;
  }
}

/** @throws ApiRefusal */
async function ask<T>(
  nc: NatsConnection,
  subject: string,
  body: string | Uint8Array,
  timeout = ASK_MS,
): Promise<T> {
  const answer = await request(nc, subject, body, timeout);
  // A chunk is acknowledged by nothing.
  if (answer.data.length === 0) return {} as T;
  const said = answer.json<T & { error?: { err_code?: number; description?: string } }>();
  if (said.error) throw new ApiRefusal(subject, said.error);
  return said;
}

async function request(nc: NatsConnection, subject: string, body: string | Uint8Array, timeout: number) {
  const giveUpAt = performance.now() + KNOWN_MS;
  for (;;) {
    try {
      return await nc.request(subject, body, { timeout });
    } catch (error) {
      if (!isNobodyThere(error) || performance.now() > giveUpAt) throw error;
      await pause(PAUSE_MS);
    }
  }
}
