import { randomUUIDv7 } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import {
  BUCKETS,
  eventSubject,
  JOBS_STREAM,
  type JobRef,
  LogPosition,
  type LogReaderSpec,
  type RecordedEvent,
  refOfSubject,
  subjectsOfTypes,
} from '@errand/contracts';
import { DeliverPolicy, jetstream } from '@nats-io/jetstream';
import { openBucket } from '../buckets/buckets.ts';
import { askPatiently } from '../connect/ask-patiently.ts';
import { provisionRedrives, removeDurable } from '../connect/provision.ts';
import { PositionBeyondLog } from '../errors.ts';
import { decodeEvent, encodeEvent, type Unreadable } from '../read/event-codec.ts';
import type { AuditEntry, AuditReader } from '../read/read-audit.ts';
import type { LogReader } from '../read/read-log.ts';
import { consumeRedrives, parkUnreadable } from './dead-letters.ts';
import type { Connection } from './pulls.ts';
import type { Standings } from './standings.ts';

/*
 * A reader takes every event of some types into a database, in the order of the log and each once: how far it has come
 * is written in the same transaction as what it makes of the events. So there are no acknowledgements, and a database that
 * was set back, or is another one, gets what it lacks, from the audit log where the log has it no more.
 *
 * One process reads, which holds the position for a while at a time; others wait for its turn to end. A process that was
 * stopped and comes back finds the position moved, and has written nothing.
 */

/** A step of a position; it is to be taken only if the position is where the step begins. */
export interface Step {
  readonly from: number;
  readonly to: number;
}

/** Where a reader stands, in the database that it fills. */
export interface ReaderPosition {
  /** Makes sure that there is a position; a new one is at a version. */
  begin(version: number): Promise<void>;
  /** Holds the position, for the first time or further on. Undefined while another process does. */
  hold(): Promise<number | undefined>;
  /** Lets another process hold it at once. */
  release(): Promise<void>;
  /** For how long it is held, in milliseconds. */
  readonly leaseMs: number;
}

export interface OrderedReadOptions {
  readonly reader: LogReaderSpec;
  readonly position: ReaderPosition;
  /**
   * Whether a database without a position is filled from the beginning of the log. Otherwise the reader goes on where it
   * last was with another database.
   */
  readonly fillsAnew: boolean;
  /** Most events in one batch. */
  readonly maxBatch: number;
  /** How long more events are waited for once one has come and the batch is not full, in milliseconds. */
  readonly lingerMs: number;
  /** Unix milliseconds: where the audit log must be read, what was filed before is of no use any more. */
  readonly sinceMs: () => number;
  /**
   * Asked once for each batch, after its newest event has come: says which jobs are of interest. Events of others are
   * passed over unread. Default: all are.
   */
  readonly interest?: () => Promise<(ref: JobRef) => boolean>;
  /**
   * Makes a batch durable together with the step; false, and nothing is written, if the position is not there. A batch may
   * be empty. Without a step the batch is a single event that was parked once.
   */
  readonly take: (batch: readonly RecordedEvent[], step: Step | undefined) => Promise<boolean>;
  /** Why events of a batch can never be durable, if an error says so: they are parked. Other batches are tried again. */
  readonly refusal?: (error: unknown) => string | undefined;
  /** Told of events that cannot be read or were refused. They are parked, so that they block nothing. */
  readonly onUnreadable: (event: Unreadable) => void;
  /** Told of each failed call. It is tried again, at growing intervals, until it succeeds. */
  readonly onError: (error: unknown) => void;
  readonly signal: AbortSignal;
}

interface Reads {
  readonly audit: Pick<AuditReader, 'read' | 'positionBefore' | 'positionAt'>;
  readonly jobs: Pick<LogReader, 'reach'>;
  readonly standings: Standings;
}

interface Arrived {
  readonly subject: string;
  readonly version: number;
  decode(): AuditEntry['decoded'];
  body(): Uint8Array;
}

const MAX_RETRY_PAUSE_MS = 5_000;
const PAUSE_AFTER_FAILURE_MS = 1_000;
const AUDIT_PAGE = 1_000;
/** How often it is told where a reader stands. */
const TELL_MS = 1_000;

/**
 * Reads until the signal fires.
 * @throws PositionBeyondLog
 */
export async function readInOrder(
  connection: Connection,
  reads: Reads,
  options: OrderedReadOptions,
): Promise<void> {
  const { nc } = connection;
  const { reader, position, signal } = options;
  await provisionRedrives(nc, reader.name, signal).catch((error) => {
    if (!signal.aborted) throw error;
  });
  if (signal.aborted) return;
  await Promise.all([
    consumeRedrives(connection, {
      ...options,
      consumer: reader,
      handle: async (recorded) => {
        await createTaker(connection, options).takeOne(recorded);
        return { kind: 'done' };
      },
    }),
    inTurn(),
  ]);

  async function inTurn(): Promise<void> {
    if (!(await persist(beginPosition, options))) return;
    while (!signal.aborted) {
      try {
        const version = await position.hold();
        if (version === undefined) await pause(position.leaseMs / 3, undefined, { signal });
        else await readTurn(connection, reads, version, options);
      } catch (error) {
        if (error instanceof PositionBeyondLog) throw error;
        if (signal.aborted) break;
        options.onError(error);
        await pause(PAUSE_AFTER_FAILURE_MS, undefined, { signal }).catch(() => {});
      }
    }
    await position.release().catch(options.onError);
  }

  async function beginPosition(): Promise<true> {
    // Readers used to acknowledge events to a durable consumer.
    const old = { stream: JOBS_STREAM, name: reader.name };
    const standing = await reads.standings.standingOf(old);
    const positions = await openBucket(nc, BUCKETS.positions, LogPosition);
    const { version: before } = (!options.fillsAnew && (await positions.get(reader.name))) || {};
    await position.begin(standing?.ackFloor ?? before ?? (await reads.jobs.reach()).beganAt - 1);
    if (standing) await removeDurable(nc, old);
    return true;
  }
}

/** Reads from a position for as long as this process holds it. */
async function readTurn(
  connection: Connection,
  reads: Reads,
  version: number,
  options: OrderedReadOptions,
): Promise<void> {
  const { position, onError } = options;
  const over = new AbortController();
  const signal = AbortSignal.any([options.signal, over.signal]);
  const turn = { ...options, signal };
  const taker = createTaker(connection, turn);
  const renew = async () => {
    const before = taker.settled;
    const held = await position.hold();
    // The database was set back, where nobody may write for a long time to come.
    if (held === undefined || held < before) over.abort();
  };
  const renewing = setInterval(() => void renew().catch(onError), position.leaseMs / 3);
  try {
    await using _telling = await startTelling(connection, taker, turn);
    const from = await fillFromAudit(reads, version, taker, turn);
    if (from !== undefined) await readLive(connection, reads, from, taker, turn);
  } finally {
    clearInterval(renewing);
  }
}

/**
 * Takes what the log holds no more, up to its first event. Resolves with the version from which on to read the log;
 * undefined once the turn is over.
 */
async function fillFromAudit(
  reads: Reads,
  version: number,
  taker: Taker,
  options: OrderedReadOptions,
): Promise<number | undefined> {
  const { reader, signal, sinceMs } = options;
  let place = version;
  for (;;) {
    const reach = await persist(() => reads.jobs.reach(), options);
    if (!reach) return undefined;
    if (place > Math.max(reach.lastVersion, reach.beganAt - 1)) {
      throw new PositionBeyondLog(
        `the database has read up to ${place}, and the log ends at ${reach.lastVersion}`,
      );
    }
    const firstVersion = reach.firstVersion ?? reach.lastVersion + 1;
    if (place + 1 >= firstVersion) return place;
    const afterPosition = Math.max(
      await reads.audit.positionBefore(place + 1),
      await reads.audit.positionAt(sinceMs()),
    );
    const query = { types: reader.types, afterPosition, pageSize: AUDIT_PAGE };
    for await (const { entries } of reads.audit.read(query)) {
      if (signal.aborted) return undefined;
      const missing = entries.filter((entry) => entry.version > place && entry.version < firstVersion);
      const to = missing.at(-1)?.version;
      if (to === undefined) break;
      // What cannot be read was parked when it was read for the first time.
      const events = missing.flatMap(({ decoded }) => (decoded.kind === 'event' ? [decoded.recorded] : []));
      if (!(await taker.take(events, { from: place, to }))) return undefined;
      place = to;
    }
    if (!(await taker.take([], { from: place, to: firstVersion - 1 }))) return undefined;
    place = firstVersion - 1;
  }
}

async function readLive(
  { nc }: Connection,
  reads: Reads,
  version: number,
  taker: Taker,
  options: OrderedReadOptions,
): Promise<void> {
  const { reader, maxBatch, lingerMs, signal } = options;
  const consumer = await askPatiently(
    (asked) =>
      jetstream(nc, asked).consumers.get(JOBS_STREAM, {
        deliver_policy: DeliverPolicy.StartSequence,
        opt_start_seq: version + 1,
        ...(reader.types ? { filter_subjects: subjectsOfTypes(reader.types) } : {}),
      }),
    signal,
  );
  const messages = await consumer.consume({ max_messages: 2 * maxBatch, idle_heartbeat: 1_000 });
  const isCut = async () => ((await reads.jobs.reach()).firstVersion ?? 0) > version + 1;
  if (await persist(isCut, options)) {
    // Something has left the log meanwhile: the next turn takes it from the audit log.
    await messages.close();
    return;
  }
  const arrived: Arrived[] = [];
  const some = createSignal();
  const room = createSignal();
  let stopLingering = () => {};
  const linger = () =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, lingerMs);
      stopLingering = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const stop = () => {
    messages.stop();
    some.notify();
    room.notify();
    stopLingering();
  };
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();

  const receive = async () => {
    for await (const message of messages) {
      const { subject, seq } = message;
      arrived.push({ subject, version: seq, decode: () => decodeEvent(message), body: () => message.data });
      some.notify();
      if (arrived.length >= maxBatch) stopLingering();
      while (arrived.length >= 2 * maxBatch && !signal.aborted) await room.wait();
      if (signal.aborted) return;
    }
  };
  let isEnded = false;
  const receiving = receive()
    .catch(options.onError)
    .finally(() => {
      isEnded = true;
      some.notify();
    });
  let place = version;
  while (!signal.aborted) {
    if (arrived.length === 0) {
      if (isEnded) break;
      await some.wait();
      continue;
    }
    if (lingerMs > 0 && arrived.length < maxBatch) await linger();
    const batch = arrived.splice(0, maxBatch);
    room.notify();
    const to = batch.at(-1)?.version ?? place;
    if (!(await taker.takeArrived(batch, { from: place, to }))) break;
    place = to;
  }
  signal.removeEventListener('abort', stop);
  stop();
  // A reader that waits for room has to see that nobody makes any.
  arrived.length = 0;
  await messages.close();
  await receiving;
}

interface Taker {
  /** Of batches, once they are durable; false once the turn is over. */
  take(events: readonly RecordedEvent[], step: Step): Promise<boolean>;
  takeArrived(batch: readonly Arrived[], step: Step): Promise<boolean>;
  /** Takes an event that was parked. */
  takeOne(recorded: RecordedEvent): Promise<void>;
  /** The version up to which everything is durable, as far as this turn knows. */
  readonly settled: number;
}

function createTaker({ nc }: Connection, options: OrderedReadOptions): Taker {
  const { reader } = options;
  let settled = 0;

  async function park(event: Unreadable, body: Uint8Array, occasion?: string): Promise<boolean> {
    options.onUnreadable(event);
    const parked = async () => {
      await parkUnreadable(nc, reader.name, event, body, occasion);
      return true as const;
    };
    return (await persist(parked, options)) ?? false;
  }

  async function takeOrSplit(events: readonly RecordedEvent[], step: Step | undefined): Promise<boolean> {
    let reason: string | undefined;
    const isTaken = await persist(async () => {
      try {
        return { taken: await options.take(events, step) };
      } catch (error) {
        reason = options.refusal?.(error);
        if (reason === undefined || events.length === 0) throw error;
        return { taken: false };
      }
    }, options);
    if (reason === undefined) return isTaken?.taken ?? false;
    const [only] = events;
    if (events.length === 1 && only) {
      const subject = eventSubject(only.ref, only.event);
      const unreadable = { kind: 'unreadable', subject, version: only.version, reason } as const;
      // What was parked before is parked another time.
      const occasion = step ? undefined : randomUUIDv7();
      if (!(await park(unreadable, encodeEvent(only.event), occasion))) return false;
      return step === undefined || takeOrSplit([], step);
    }
    // One bad event must not keep the others out.
    let from = step?.from ?? 0;
    for (const [index, event] of events.entries()) {
      const to = index === events.length - 1 ? (step?.to ?? 0) : event.version;
      if (!(await takeOrSplit([event], step && { from, to }))) return false;
      from = to;
    }
    return true;
  }

  async function take(events: readonly RecordedEvent[], step: Step): Promise<boolean> {
    const isTaken = await takeOrSplit(events, step);
    if (isTaken) settled = step.to;
    return isTaken;
  }

  return {
    take,
    async takeArrived(batch, step) {
      const isOfInterest = await persist(options.interest ?? (async () => () => true), options);
      if (!isOfInterest) return false;
      const events: RecordedEvent[] = [];
      for (const each of batch) {
        const ref = refOfSubject(each.subject);
        if (ref && !isOfInterest(ref)) continue;
        const decoded = each.decode();
        if (decoded.kind === 'event') events.push(decoded.recorded);
        else if (!(await park(decoded, each.body()))) return false;
      }
      return take(events, step);
    },
    async takeOne(recorded) {
      await takeOrSplit([recorded], undefined);
    },
    get settled() {
      return settled;
    },
  };
}

/** Tells those without a look into the database how far the reader has come: less than that is never true. */
async function startTelling(
  { nc }: Connection,
  taker: Taker,
  { reader, onError, signal }: OrderedReadOptions,
): Promise<AsyncDisposable> {
  const positions = await askPatiently(() => openBucket(nc, BUCKETS.positions, LogPosition), signal);
  let told = 0;
  const tell = async () => {
    const version = taker.settled;
    if (version <= told) return;
    await positions.put(reader.name, { version });
    told = version;
  };
  const timer = setInterval(() => void tell().catch(onError), TELL_MS);
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await tell().catch(onError);
    },
  };
}

/** Makes a call until it succeeds, at growing intervals; undefined once the signal has fired. */
async function persist<T>(
  call: () => Promise<T>,
  { signal, onError }: Pick<OrderedReadOptions, 'signal' | 'onError'>,
): Promise<T | undefined> {
  for (let tries = 0; !signal.aborted; tries++) {
    try {
      return await call();
    } catch (error) {
      onError(error);
      await pause(Math.min(MAX_RETRY_PAUSE_MS, 100 * 2 ** tries), undefined, { signal }).catch(() => {});
    }
  }
  return undefined;
}

/** Wakes one waiter; a notification that nobody awaits is kept for the next one. */
function createSignal(): { wait(): Promise<void>; notify(): void } {
  let pending = Promise.withResolvers<void>();
  return {
    async wait() {
      await pending.promise;
      pending = Promise.withResolvers<void>();
    },
    notify: () => pending.resolve(),
  };
}
