import { z } from 'zod';

/*
 * What attempts tell callers while they run: lines and partial results. They are no events: nothing follows from them, and
 * a job is right without them.
 */

const common = {
  /** Counts what its attempt has said, from 1: what was dropped leaves a gap. */
  number: z.int().min(1),
  /** When it was said, by the executor's clock. */
  time: z.string(),
};

/** A line of an attempt's log. */
const Line = z.object({
  type: z.literal('log'),
  ...common,
  message: z.string(),
  fields: z.record(z.string(), z.unknown()).optional(),
  /** How long it was before it was cut, in bytes; with it, `fields` are cut off. */
  cut_of_bytes: z.int().optional(),
});
/** A partial result. */
const Output = z.object({ type: z.literal('output'), ...common, value: z.unknown() });
/** Says how many were dropped since the one before: an attempt may say so much at once, and in all. */
const Dropped = z.object({ type: z.literal('dropped'), ...common, count: z.int().min(1) });

export const JobLogEntry = z.discriminatedUnion('type', [Line, Output, Dropped]);
export type JobLogEntry = z.infer<typeof JobLogEntry>;

/** One message of LOGS: what one attempt has said in a row. */
export const JobLogBatch = z.object({
  attempt: z.int().min(1),
  entries: z.array(JobLogEntry).min(1).max(1_000),
});
export type JobLogBatch = z.infer<typeof JobLogBatch>;

/** An entry of a job's log as it is read. */
export interface ReadLogEntry {
  /** Ids of a job increase; what was stored later has a higher one. */
  readonly id: number;
  readonly attempt: number;
  readonly entry: JobLogEntry;
}

/** What a batch may take, in bytes of JSON. */
export const JOB_LOG_BATCH_BYTES = 65_536;
/** What a partial result may take, in bytes of JSON. */
export const JOB_OUTPUT_BYTES = 32_768;
