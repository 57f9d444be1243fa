import { fragmentOf, type InputError, type KeyScope, pointerToken } from '@errand/contracts';
import type { Caller, OwnKey } from '../http/authenticate.ts';
import { Refusal } from '../http/problem.ts';

/* What a key may hand on: no more than it may itself. */

/** @throws Refusal forbidden for callers without a key of their own */
export function ownKeyOf({ key }: Pick<Caller, 'key'>): OwnKey {
  if (!key) throw new Refusal('forbidden', { detail: 'Only a key of the tenant makes tokens and sessions.' });
  return key;
}

export function foreignScopes({ scopes: own }: OwnKey, asked: readonly KeyScope[]): InputError[] {
  return asked.flatMap((scope, index) =>
    !own || own.includes(scope)
      ? []
      : [
          {
            pointer: `#/scopes/${index}`,
            code: 'enum',
            detail: `must be a scope of the key: ${own.join(', ')}`,
          },
        ],
  );
}

/** Entries that contradict those of the key. */
export function foreignFilter(
  { only }: Pick<Caller, 'only'>,
  asked: Readonly<Record<string, string>> = {},
): InputError[] {
  return Object.entries(only.metadata ?? {}).flatMap(([name, value]) =>
    asked[name] === undefined || asked[name] === value
      ? []
      : [
          {
            pointer: fragmentOf(`/metadata_filter${pointerToken(name)}`),
            code: 'const',
            detail: `must be ${JSON.stringify(value)}, as the key has it`,
          },
        ],
  );
}
