import { JetStreamApiError } from '@nats-io/jetstream';
import { errors } from '@nats-io/transport-node';

/** The log cannot answer at present. Nothing is known to be written; the same call may go through later. */
export class LogUnavailable extends Error {
  override name = 'LogUnavailable';
  readonly code = 'log_unavailable';
  readonly retryable = true;
}

/** The store of large inputs and results accepts nothing more of its kind. The log itself may well have room. */
export class PayloadsFull extends LogUnavailable {
  override name = 'PayloadsFull';
  constructor() {
    super('the store for large inputs and results is full');
  }
}

/** The tenant's large inputs and results take all of their store that a tenant may have, until some of them expire. */
export class PayloadShareUsed extends Error {
  override name = 'PayloadShareUsed';
  readonly code = 'payload_share_used';
  readonly retryable = false;
  constructor() {
    super("the tenant's large inputs and results take all the room that a tenant may have");
  }
}

/** The log answers that it is full. A smaller event may still fit. */
export class LogFull extends LogUnavailable {
  override name = 'LogFull';
}

/** The event is larger than the server accepts in one message. */
export class EventTooLarge extends Error {
  override name = 'EventTooLarge';
  readonly code = 'event_too_large';
  readonly retryable = false;
  readonly bytes: number;
  readonly maxBytes: number;
  constructor(bytes: number, maxBytes: number) {
    super(`an event of ${bytes} bytes exceeds the server's limit of ${maxBytes}`);
    this.bytes = bytes;
    this.maxBytes = maxBytes;
  }
}

/** More bytes came than the limit for a payload allows. None of it can be read. */
export class PayloadTooLarge extends Error {
  override name = 'PayloadTooLarge';
  readonly code = 'payload_too_large';
  readonly retryable = false;
  readonly maxBytes: number;
  constructor(maxBytes: number) {
    super(`a payload exceeds the limit of ${maxBytes} bytes`);
    this.maxBytes = maxBytes;
  }
}

/** What is stored is not what was put: a part is missing or differs. */
export class PayloadBroken extends Error {
  override name = 'PayloadBroken';
  readonly code = 'payload_broken';
  readonly retryable = false;
}

/** The audit log would have to be read further than its reader allows. Asking again does not help. */
export class HistoryOutOfReach extends Error {
  override name = 'HistoryOutOfReach';
  readonly code = 'history_out_of_reach';
  readonly retryable = false;
}

/** A reader's database has read more than the log holds: it belongs to another log, or the log was set back. */
export class PositionBeyondLog extends Error {
  override name = 'PositionBeyondLog';
  readonly code = 'position_beyond_log';
  readonly retryable = false;
}

/** The server cannot carry the log: it is too old, or a stream is not as requested. */
export class UnfitServer extends Error {
  override name = 'UnfitServer';
  readonly code = 'unfit_server';
  readonly retryable = false;
}

/** JetStream's error codes that mean something to us (the server's errors.json). */
export const JS = {
  /** The account's limit does not allow so much. */
  accountLimitExceeded: 10002,
  consumerNotFound: 10014,
  /** With another configuration. */
  consumerExists: 10148,
  /** The server's store has no room for all that the streams' limits add up to. */
  storageExceeded: 10047,
  streamNameInUse: 10058,
  /** The same of a restore. */
  streamInUse: 10130,
  streamNotFound: 10059,
  /** The guard's sequence is not the last one. */
  wrongLastSequence: 10071,
  /** The stream is full and refuses appends. */
  maximumBytesExceeded: 10077,
  /** The same, while a competing append is still in flight. */
  wrongLastSequenceInFlight: 10164,
} as const;

/** JetStream's error code, or undefined for errors of another kind. */
export function jsCode(error: unknown): number | undefined {
  return error instanceof JetStreamApiError ? error.code : undefined;
}

/** Whether the connection's user may not do what was asked. */
export function isForbidden(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return [error, cause].some((each) => each instanceof errors.PermissionViolationError);
}

/** Whether a request was taken by nobody. */
export function isNobodyThere(error: unknown): boolean {
  return (
    error instanceof errors.NoRespondersError ||
    (error instanceof errors.RequestError && error.isNoResponders())
  );
}
