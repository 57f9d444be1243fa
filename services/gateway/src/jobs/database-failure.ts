import type { Logger } from '@errand/runtime';
import { Refusal } from '../http/problem.ts';

/** SQLSTATE classes which say that the statement or its values are wrong, so waiting does not help. */
const OF_THE_DATA = /^(?:21|22|23|42)/;
/** A table that a rebuild is just about to put in its place. */
const UNDEFINED_TABLE = '42P01';

/**
 * What a failed statement means to the caller: that the database could not answer now, or that something is wrong here,
 * so that repeating the call does not help.
 * @throws Refusal database_unavailable; the error itself
 */
export function refuseForDatabase(err: unknown, log: Logger, event: string): never {
  const code = String((err as { code?: unknown } | undefined)?.code ?? '');
  if (OF_THE_DATA.test(code) && code !== UNDEFINED_TABLE) throw err;
  log.warn({ err }, event);
  throw new Refusal('database_unavailable');
}
