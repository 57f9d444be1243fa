import { setTimeout as pause } from 'node:timers/promises';
import type { SnapshotHead } from '@errand/contracts';
import { createInbox, type Msg, type NatsConnection } from '@nats-io/transport-node';
import { isNobodyThere, JS, LogUnavailable, UnfitServer } from '../errors.ts';

/*
 * A stream as the server itself writes it down (STREAM.SNAPSHOT) and takes it back (STREAM.RESTORE): each message at its own
 * sequence, with its time and headers. The client library has no calls for them.
 */

const CHUNK_BYTES = 128 * 1024;
const ASK_MS = 30_000;
/** So long without a chunk, and the snapshot has failed. */
const STALL_MS = 60_000;
const PATIENCE_MS = 1_000;
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
  const arrivals = receive(nc, inbox);
  const asked = { deliver_subject: inbox, no_consumers: true, chunk_size: CHUNK_BYTES };
  try {
    const head = await ask<SnapshotHead>(nc, `$JS.API.STREAM.SNAPSHOT.${stream}`, JSON.stringify(asked));
    const { config, state } = head;
    return { head: { config, state }, chunks: chunksOf(stream, arrivals) };
  } catch (error) {
    arrivals[Symbol.dispose]();
    if (error instanceof ApiRefusal && error.jsCode === JS.streamNotFound) return undefined;
    throw error;
  }
}

async function* chunksOf(stream: string, arrivals: Arrivals): AsyncGenerator<Uint8Array> {
  using _receiving = arrivals;
  for (;;) {
    const message = await arrivals.next();
    if (!message) throw new LogUnavailable(`the snapshot of ${stream} was cut off`);
    if (message.data.length === 0) return assertEnd(stream, message);
    yield message.data;
    arrivals.taken();
  }
}

interface Arrivals extends Disposable {
  /** Undefined if none comes for a long time. */
  next(): Promise<Msg | undefined>;
  /** The last one has been dealt with. */
  taken(): void;
}

/**
 * Acknowledges each message once it was taken. The server gives up after five seconds without an acknowledgement; so while
 * a pipe or a disk takes longer, one a second is acknowledged before, which takes memory.
 */
function receive(nc: NatsConnection, inbox: string): Arrivals {
  const untaken: Msg[] = [];
  const unacknowledged: Msg[] = [];
  let ahead = 0;
  let isIdle = false;
  let wake = () => {};
  const subscription = nc.subscribe(inbox, {
    callback: (error, message) => {
      if (error) return;
      untaken.push(message);
      if (message.data.length > 0) unacknowledged.push(message);
      wake();
    },
  });
  const acknowledge = () => {
    isIdle = false;
    return unacknowledged.shift()?.respond() ?? false;
  };
  const patience = setInterval(() => {
    if (isIdle && acknowledge()) ahead++;
    isIdle = true;
  }, PATIENCE_MS);
  return {
    async next() {
      const stalled = setTimeout(() => wake(), STALL_MS);
      if (untaken.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      clearTimeout(stalled);
      return untaken.shift();
    },
    taken() {
      if (ahead > 0) ahead--;
      else acknowledge();
    },
    [Symbol.dispose]() {
      clearInterval(patience);
      subscription.unsubscribe();
    },
  };
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
