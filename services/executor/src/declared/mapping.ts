import type { Mapping } from './declaration.ts';

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
