import { z } from 'zod';
import { flawsOfJson, MAX_JSON_FLAWS } from '../events/exact-json.ts';
import { fragmentOf } from '../http/json-pointer.ts';
import type { InputError } from '../http/problem.ts';

/* What is taken out of a value that an outside system has sent, and what such a value says. */

export const Pointer = z.string().regex(/^(\/([^~/]|~[01])*)*$/, 'must be a JSON pointer such as /a/b');
/** A pointer at a value, or an object whose members are such. */
export const Mapping = z.union([Pointer, z.record(z.string(), Pointer)], {
  error: 'must be a JSON pointer such as /a/b, or a map of names to pointers',
});
export type Mapping = z.infer<typeof Mapping>;

/** Where what is said of an operation decides: each pointer finds one of its values. */
export const Conditions = z.record(Pointer, z.array(z.union([z.string(), z.number(), z.boolean()])).min(1));
export type Conditions = z.infer<typeof Conditions>;

/** What a mapping makes of a value. What a pointer does not find is undefined, and absent from an object. */
export function mapValue(mapping: Mapping, value: unknown): unknown {
  if (typeof mapping === 'string') return valueAt(mapping, value);
  const members = Object.entries(mapping).map(([name, pointer]) => [name, valueAt(pointer, value)] as const);
  return Object.fromEntries(members.filter(([, member]) => member !== undefined));
}

/** What of a value a mapping uses. */
export function pointersOf(mapping: Mapping): string[] {
  return typeof mapping === 'string' ? [mapping] : Object.values(mapping);
}

/** RFC 6901. */
export function valueAt(pointer: string, value: unknown): unknown {
  let found = value;
  for (const token of pointer.split('/').slice(1)) {
    const key = token.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, key)) return undefined;
    // A list's length is no item of it.
    if (Array.isArray(found) && !/^(0|[1-9]\d*)$/.test(key)) return undefined;
    found = (found as Record<string, unknown>)[key];
  }
  return found;
}

/** Whether each condition is met. */
export function fitsConditions(conditions: Conditions, said: unknown): boolean {
  return Object.entries(conditions).every(([pointer, values]) =>
    values.some((value) => value === valueAt(pointer, said)),
  );
}

/**
 * The flaws of a JSON text (see `flawsOfJson`) in what will be used of it: no more need be such that it can be given back
 * as it came. Nesting that is too deep counts wherever it is.
 */
export function flawsOfWanted(json: string, wanted: readonly string[]): InputError[] {
  const flaws = flawsOfJson(json);
  const isWanted = (pointer: string) =>
    wanted.some((each) => `${pointer}/`.startsWith(`${fragmentOf(each)}/`));
  return flaws.filter(
    ({ pointer = '#', code }) =>
      flaws.length === MAX_JSON_FLAWS || code === 'nested_too_deeply' || isWanted(pointer),
  );
}

/** Characters of JSON. A fault travels inside its event, however large results may be. */
const MAX_FAULT = 65_536;

/** What of a failure callers may see, as its `error` says; nothing if that is not there, or too large. */
export function shownOf(error: Mapping | undefined, said: unknown): { answer?: unknown } {
  const answer = error === undefined ? undefined : mapValue(error, said);
  return answer !== undefined && fitsFault(answer) ? { answer } : {};
}

/** Whether a value is small enough to be told of a failure. */
export function fitsFault(value: unknown): boolean {
  return (JSON.stringify(value)?.length ?? 0) <= MAX_FAULT;
}
