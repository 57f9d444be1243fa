import { fragmentOf, type InputError, pointerToken } from '@errand/contracts';
import type { Caller } from '../http/authenticate.ts';
import { Refusal } from '../http/problem.ts';

/* Tokens and sessions that a key makes of itself are for its own jobs, whatever their filter says beside. */

/** @throws Refusal forbidden for callers without a key of their own */
export function ownKeyOf({ key }: Pick<Caller, 'key'>): NonNullable<Caller['key']> {
  if (!key) throw new Refusal('forbidden', { detail: 'Only a key of the tenant makes tokens and sessions.' });
  return key;
}

/** Entries that contradict those of the key. */
export function foreignFilter(
  { only }: Pick<Caller, 'only'>,
  asked: Readonly<Record<string, string>> = {},
): InputError[] {
  return Object.entries(only.metadata ?? {}).flatMap(([name, value]) => {
    if (!Object.hasOwn(asked, name) || asked[name] === value) return [];
    const pointer = fragmentOf(`/metadata_filter${pointerToken(name)}`);
    return [{ pointer, code: 'const', detail: `must be ${JSON.stringify(value)}, as in the key's filter` }];
  });
}
