import {
  ActionName,
  type InputError,
  JOB_SOURCES,
  JOB_STATUSES,
  JobStatus,
  SUMMARY_RETENTION_DAYS,
  uuidV7Floor,
} from '@errand/contracts';
import { z } from 'zod';
import type { KeyLimits } from '../../http/key-limits.ts';
import {
  createQueryReader,
  DEFAULT_LIMIT,
  readCursor,
  readInstant,
  readLimit,
} from '../../http/read-query.ts';

const MAX_TEXT = 500;
const DAY_MS = 86_400_000;

/** Which of a tenant's jobs are wanted. An empty list of values wants any. */
export interface WantedJobs {
  readonly statuses: JobStatus[];
  readonly actions: string[];
  readonly sources: string[];
  /** Entries that a job's metadata must have, all of them. */
  readonly metadata: ReadonlyMap<string, string>;
  /** What a job must have: the beginning of its id, a value of its metadata, or an error's code. */
  readonly text: string | undefined;
  /** Ids from this one on. */
  readonly fromId: string;
  /** Ids below this one. */
  readonly belowId: string | undefined;
}

export interface JobListQuery extends WantedJobs {
  readonly limit: number;
}

/** The lowest id that a list may have. What has expired is not listed, as it is not found by its id either. */
export function firstListedId(nowMs: number, afterMs = 0): string {
  return uuidV7Floor(Math.max(nowMs - SUMMARY_RETENTION_DAYS * DAY_MS + 1, afterMs));
}

/** The jobs that are wanted and that a key is for; undefined: there can be none. */
export function narrowTo<Q extends WantedJobs>(query: Q, only: KeyLimits): Q | undefined {
  const { actions = query.actions, metadata = {} } = only;
  const wanted =
    query.actions.length === 0 ? [...actions] : query.actions.filter((one) => actions.includes(one));
  const entries = Object.entries(metadata);
  const contradicts = entries.some(([name, value]) => (query.metadata.get(name) ?? value) !== value);
  if (contradicts || (only.actions && wanted.length === 0)) return undefined;
  return { ...query, actions: wanted, metadata: new Map([...query.metadata, ...entries]) };
}

/** Reads the parameters of a job list, or names each wrong one. Ids sort by time, so times become bounds of ids. */
export function readListQuery(
  parameters: URLSearchParams,
  nowMs: number,
): { kind: 'query'; query: JobListQuery } | { kind: 'invalid'; errors: InputError[] } {
  const errors: InputError[] = [];
  const read = createQueryReader(parameters, errors);
  const afterMs = read.one('created_after', readInstant);
  const beforeMs = read.one('created_before', readInstant);
  const bounds = [read.one('cursor', readCursor), beforeMs === undefined ? undefined : uuidV7Floor(beforeMs)];
  const query: JobListQuery = {
    statuses: read.several('status', JobStatus, `must be any of ${JOB_STATUSES.join(', ')}`),
    actions: read.several('action', ActionName, 'must be action names'),
    sources: read.several('source', z.enum(JOB_SOURCES), `must be any of ${JOB_SOURCES.join(', ')}`),
    metadata: read.metadata(),
    text: read.one('q', readText),
    fromId: firstListedId(nowMs, afterMs),
    belowId: bounds.filter((id) => id !== undefined).sort()[0],
    limit: read.one('limit', readLimit) ?? DEFAULT_LIMIT,
  };
  read.refuseOthers();
  return errors.length === 0 ? { kind: 'query', query } : { kind: 'invalid', errors };
}

function readText(text: string): { value: string; wrong?: never } | { wrong: string } {
  const isFit = text.length > 0 && text.length <= MAX_TEXT && text.isWellFormed() && !text.includes('\0');
  return isFit ? { value: text } : { wrong: `must be 1 to ${MAX_TEXT} characters of text` };
}
