import {
  ActionName,
  type InputError,
  JOB_STATUSES,
  JobId,
  JobStatus,
  SUMMARY_RETENTION_DAYS,
  uuidV7Floor,
} from '@errand/contracts';
import { z } from 'zod';

const DAY_MS = 86_400_000;
const MAX_LIMIT = 200;
const DEFAULT_LIMIT = 50;
const SOURCES = ['api', 'ui', 'schedule', 'retry'] as const;

/** Which of a tenant's jobs are wanted. An empty list of values wants any. */
export interface JobListQuery {
  readonly statuses: JobStatus[];
  readonly actions: string[];
  readonly sources: string[];
  /** Entries that a job's metadata must have, all of them. */
  readonly metadata: [key: string, value: string][];
  /** Ids from this one on. */
  readonly fromId: string;
  /** Ids below this one. */
  readonly belowId: string | undefined;
  readonly limit: number;
}

/** Reads the parameters of a job list, or names each wrong one. Ids sort by time, so times become bounds of ids. */
export function readListQuery(
  parameters: URLSearchParams,
  nowMs: number,
): { kind: 'query'; query: JobListQuery } | { kind: 'invalid'; errors: InputError[] } {
  const errors: InputError[] = [];
  const read = createReader(parameters, errors);
  // What has expired is not listed, as it is not found by its id either.
  let fromMs = nowMs - SUMMARY_RETENTION_DAYS * DAY_MS + 1;
  const afterMs = read.one('created_after', readInstant);
  if (afterMs !== undefined) fromMs = Math.max(fromMs, afterMs);
  const beforeMs = read.one('created_before', readInstant);
  const bounds = [read.one('cursor', readCursor), beforeMs === undefined ? undefined : uuidV7Floor(beforeMs)];
  const query: JobListQuery = {
    statuses: read.several('status', JobStatus, `must be of ${JOB_STATUSES.join(', ')}`),
    actions: read.several('action', ActionName, 'must be names of actions'),
    sources: read.several('source', z.enum(SOURCES), `must be of ${SOURCES.join(', ')}`),
    metadata: read.metadata(),
    fromId: uuidV7Floor(fromMs),
    belowId: bounds.filter((id) => id !== undefined).sort()[0],
    limit: read.one('limit', readLimit) ?? DEFAULT_LIMIT,
  };
  read.refuseOthers();
  return errors.length === 0 ? { kind: 'query', query } : { kind: 'invalid', errors };
}

/** A place in the list of jobs, as callers hand it back: the bytes of the last id they have seen. */
export function cursorOf(jobId: string): string {
  return Buffer.from(jobId.replaceAll('-', ''), 'hex').toString('base64url');
}

type Read<T> = { value: T } | { wrong: string };

/** Reads parameters one by one, notes what is wrong, and knows afterwards which ones nobody asked for. */
function createReader(parameters: URLSearchParams, errors: InputError[]) {
  const known = new Set<string>();
  const refuse = (parameter: string, code: string, detail: string) =>
    errors.push({ parameter, code, detail });

  function one<T>(name: string, parse: (text: string) => Read<T>): T | undefined {
    known.add(name);
    const sent = parameters.getAll(name);
    if (sent.length > 1) refuse(name, 'repeated', 'must be given once');
    if (sent.length !== 1) return undefined;
    const read = parse(sent[0] ?? '');
    if ('value' in read) return read.value;
    refuse(name, 'invalid_parameter', read.wrong);
    return undefined;
  }

  function several<T extends string>(name: string, schema: z.ZodType<T>, wrong: string): T[] {
    known.add(name);
    const values = new Set(parameters.getAll(name).flatMap((list) => list.split(',')));
    const parsed = z.array(schema).safeParse([...values]);
    if (parsed.success) return parsed.data;
    refuse(name, 'invalid_parameter', wrong);
    return [];
  }

  function metadata(): [string, string][] {
    return [...parameters].flatMap(([name, value]): [string, string][] => {
      if (!name.startsWith('metadata.')) return [];
      known.add(name);
      const key = name.slice('metadata.'.length);
      const fits = key !== '' && key.length <= 64 && value.length <= 500 && !`${key}${value}`.includes('\0');
      if (!fits) refuse(name, 'invalid_parameter', 'must be an entry that metadata can have');
      return fits ? [[key, value]] : [];
    });
  }

  function refuseOthers(): void {
    for (const name of new Set(parameters.keys())) {
      if (!known.has(name)) refuse(name, 'unknown_parameter', 'is not a known parameter');
    }
  }

  return { one, several, metadata, refuseOthers };
}

function readInstant(text: string): Read<number> {
  // A plus sign that was not percent-encoded arrives as a space.
  const instant = text.replace(' ', '+');
  return z.iso.datetime({ offset: true }).safeParse(instant).success
    ? { value: Date.parse(instant) }
    : { wrong: 'must be an RFC 3339 instant, such as 2026-01-31T12:00:00Z' };
}

function readLimit(text: string): Read<number> {
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  return limit >= 1 && limit <= MAX_LIMIT
    ? { value: limit }
    : { wrong: `must be a whole number from 1 to ${MAX_LIMIT}` };
}

function readCursor(text: string): Read<string> {
  const hex = /^[\w-]{22}$/.test(text) ? Buffer.from(text, 'base64url').toString('hex') : '';
  const jobId = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return JobId.safeParse(jobId).success
    ? { value: jobId }
    : { wrong: 'must be the next_cursor of an answer' };
}
