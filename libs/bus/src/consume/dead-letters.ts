import {
  ALL_DEAD_LETTERS,
  type ConsumerSpec,
  DEAD_LETTERS_STREAM,
  deadLetterSubject,
  type RecordedEvent,
  redriveConsumer,
  redriveSubject,
} from '@errand/contracts';
import { type JetStreamManager, jetstream, type StoredMsg } from '@nats-io/jetstream';
import { headers, type MsgHdrs, type NatsConnection } from '@nats-io/transport-node';
import { JS, jsCode, LogUnavailable } from '../errors.ts';
import { decodeEvent, type Unreadable } from '../read/event-codec.ts';
import { pullMessages, type Verdict } from './pull-messages.ts';
import type { Connection } from './pulls.ts';

/*
 * An event that a consumer cannot read is parked: its body unchanged, with headers that say where it was and why it
 * could not be read. Redriving sends it to the same consumer once more, which by then may be a newer program.
 */

const CONSUMER = 'Errand-Consumer';
const SUBJECT = 'Errand-Subject';
const VERSION = 'Errand-Version';
const REASON = 'Errand-Reason';

export interface DeadLetter {
  /** Its position among the dead letters, which is its id. */
  readonly id: number;
  readonly consumer: string;
  readonly subject: string;
  /** Stream sequence of the event. */
  readonly version: number;
  readonly reason: string;
  readonly parkedAt: string;
  /** The body as text; in a list, cut after 4 KiB. */
  readonly body: string;
}

export interface DeadLetters {
  /**
   * Parked events after the given id, oldest first.
   * @throws LogUnavailable
   */
  list(page: { afterId: number; limit: number }): Promise<DeadLetter[]>;
  /** With its whole body; undefined if none has that id. @throws LogUnavailable */
  get(id: number): Promise<DeadLetter | undefined>;
  /** Removes one for good; false if none has that id. @throws LogUnavailable */
  discard(id: number): Promise<boolean>;
  /**
   * Sends a parked event to its consumer again; false if none has that id.
   * @throws LogUnavailable
   */
  redrive(id: number): Promise<boolean>;
}

/** The subject of the event that a dead letter, or one on its way back, has the body of. */
export function parkedSubject(about: MsgHdrs): string {
  return about.get(SUBJECT);
}

const SHOWN_BYTES = 4_096;
/** The status of an answer to a direct read. */
const NOTHING_FOUND = 404;

/** Durable when it resolves. Parking the same event for the same consumer twice within minutes leaves one. */
export async function parkUnreadable(
  nc: NatsConnection,
  consumer: string,
  event: Unreadable,
  body: Uint8Array,
  /** Distinguishes this parking from another of the same event, as after a redrive. */
  occasion = '',
): Promise<void> {
  const about = headers();
  about.set(CONSUMER, consumer);
  about.set(SUBJECT, event.subject);
  about.set(VERSION, String(event.version));
  // A header is one line of plain text.
  about.set(REASON, event.reason.replace(/[^\x20-\x7e]/g, '?').slice(0, 500));
  const msgID = `${consumer}.${event.version}.${occasion}`;
  await jetstream(nc).publish(deadLetterSubject(consumer), body, { headers: about, msgID });
}

export function createDeadLetters(nc: NatsConnection, jsm: JetStreamManager): DeadLetters {
  /** Undefined for what is no dead letter, such as one on its way back. */
  async function find(id: number): Promise<StoredMsg | undefined> {
    const message = await jsm.streams.getMessage(DEAD_LETTERS_STREAM, { seq: id });
    const consumer = message?.header?.get(CONSUMER);
    return message && consumer && message.subject === deadLetterSubject(consumer) ? message : undefined;
  }

  return {
    get: (id) =>
      answered(async () => {
        const message = await find(id);
        return message && deadLetterOf(message, message.data.length);
      }),
    discard: (id) =>
      answered(async () => {
        if (!(await find(id))) return false;
        await jsm.streams.deleteMessage(DEAD_LETTERS_STREAM, id, false);
        return true;
      }),
    list: ({ afterId, limit }) =>
      answered(async () => {
        const found: DeadLetter[] = [];
        const { state } = await jsm.streams.info(DEAD_LETTERS_STREAM, { subjects_filter: ALL_DEAD_LETTERS });
        const total = Object.values(state.subjects ?? {}).reduce((sum, count) => sum + count, 0);
        if (total === 0) return found;
        const wanted = { seq: afterId + 1, batch: Math.min(limit, total), next_by_subj: ALL_DEAD_LETTERS };
        const batch = await jsm.direct.getBatch(DEAD_LETTERS_STREAM, wanted);
        try {
          for await (const message of batch) found.push(deadLetterOf(message));
        } catch (error) {
          // There is none behind that id.
          if ((error as { code?: unknown }).code !== NOTHING_FOUND) throw error;
        }
        return found;
      }),
    redrive: (id) =>
      answered(async () => {
        const message = await find(id);
        if (!message) return false;
        const consumer = message.header.get(CONSUMER);
        // Publish first, then delete: a crash between them redrives twice, which consumers tolerate.
        await jetstream(nc).publish(redriveSubject(consumer), message.data, {
          headers: aboutOf(message.header),
        });
        await jsm.streams.deleteMessage(DEAD_LETTERS_STREAM, id, false);
        return true;
      }),
  };
}

/** Handles what is redriven to a consumer. What still cannot be read is parked again. */
export function consumeRedrives(
  connection: Connection,
  options: {
    consumer: Pick<ConsumerSpec, 'name'>;
    handle: (recorded: RecordedEvent) => Promise<Verdict>;
    onUnreadable: (event: Unreadable) => void;
    onError: (error: unknown) => void;
    signal: AbortSignal;
  },
): Promise<void> {
  const { signal, onError } = options;
  return pullMessages(connection, {
    signal,
    onError,
    consumer: redriveConsumer(options.consumer.name),
    slots: 1,
    handle: async ({ headers: about, data, seq }) => {
      const subject = about?.get(SUBJECT) ?? '';
      const decoded = decodeEvent({ subject, seq: Number(about?.get(VERSION)), data });
      if (decoded.kind === 'event') return options.handle(decoded.recorded);
      options.onUnreadable(decoded);
      await parkUnreadable(connection.nc, options.consumer.name, decoded, data, String(seq));
      return { kind: 'done' };
    },
  });
}

function deadLetterOf(message: StoredMsg, bytes = SHOWN_BYTES): DeadLetter {
  const { header, data, seq, time } = message;
  return {
    id: seq,
    consumer: header.get(CONSUMER),
    subject: header.get(SUBJECT),
    version: Number(header.get(VERSION)),
    reason: header.get(REASON),
    parkedAt: time.toISOString(),
    body: new TextDecoder().decode(data.subarray(0, bytes)),
  };
}

function aboutOf(header: MsgHdrs): MsgHdrs {
  const about = headers();
  for (const name of [CONSUMER, SUBJECT, VERSION, REASON]) about.set(name, header.get(name));
  return about;
}

async function answered<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (jsCode(error) === JS.streamNotFound) throw error;
    throw new LogUnavailable('the dead letters did not answer', { cause: error });
  }
}
