import type { JobRef, LogReaderSpec, RecordedEvent } from '@errand/contracts';
import type { Standings } from '../consume/standings.ts';
import type { Unreadable } from '../read/event-codec.ts';
import type { AuditReader } from '../read/read-audit.ts';
import type { LogReader } from '../read/read-log.ts';

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

export interface LogReads {
  readonly audit: Pick<AuditReader, 'read' | 'positionBefore' | 'positionAt'>;
  readonly jobs: Pick<LogReader, 'reach'>;
  readonly standings: Standings;
  /** Whether it makes the consumer of what it could not read. */
  readonly provisions: boolean;
}
