import { UsageError } from '../errors.ts';

/** The allowed members of something: a word for each, so that none can be forgotten. */
export type Members<T> = Readonly<Record<keyof T, true>>;

/**
 * Refuses what would be ignored: unknown members, and anything that is not an object. Undefined means no options.
 * @throws UsageError
 */
export function checkOptions(
  given: unknown,
  members: Readonly<Record<string, true>>,
  what = 'options',
): void {
  if (given === undefined) return;
  checkObject(given, what);
  const unknown = Object.keys(given).filter((name) => !Object.hasOwn(members, name));
  if (unknown.length > 0) {
    const known = Object.keys(members).join(', ');
    throw new UsageError(`${what} must not have ${unknown.join(', ')}; allowed: ${known}`);
  }
  const { signal } = given;
  if (
    signal !== undefined &&
    typeof (signal as Partial<AbortSignal> | null)?.addEventListener !== 'function'
  ) {
    throw new UsageError(`${what}: signal must be an AbortSignal`);
  }
}

/** @throws UsageError for anything that is not an object, or for an array */
export function checkObject(
  given: unknown,
  what: string,
): asserts given is Readonly<Record<string, unknown>> {
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) return;
  throw new UsageError(`${what} must be an object`);
}
