import { type ApiKey, fragmentOf, type InputError, pointerToken } from '@errand/contracts';

/** What a key may do, to which jobs, and until when. What is absent does not limit it. */
export type KeyRights = {
  readonly [Name in 'scopes' | 'actions' | 'metadata_filter' | 'expires_at']?: ApiKey[Name] | undefined;
};

/** What would let a key do more than the one that asks for it; empty for one that may be made. */
export function excessOf(wanted: KeyRights, own: KeyRights): InputError[] {
  return [
    ...foreignIn('scopes', wanted.scopes, own.scopes),
    ...foreignIn('actions', wanted.actions, own.actions),
    ...missingEntries(wanted.metadata_filter, own.metadata_filter),
    ...(outlives(wanted, own)
      ? [{ pointer: '#/expires_at', code: 'maximum', detail: `must be at or before ${own.expires_at}` }]
      : []),
  ];
}

/** Whether a key may do nothing that another one may not. For how long is another matter. */
export function mayDoNoMore(key: KeyRights, other: KeyRights): boolean {
  return excessOf({ ...key, expires_at: other.expires_at }, other).length === 0;
}

export function outlives({ expires_at: end }: KeyRights, { expires_at: otherEnd }: KeyRights): boolean {
  return otherEnd !== undefined && (end === undefined || Date.parse(end) > Date.parse(otherEnd));
}

/** Which of the values are not among the key's own. An absent list has all there are. */
export function foreignIn(
  name: 'scopes' | 'actions',
  wanted: readonly string[] | undefined,
  own: readonly string[] | undefined,
): InputError[] {
  if (!own) return [];
  const those = own.join(', ');
  if (!wanted)
    return [{ pointer: `#/${name}`, code: 'required', detail: `must name ${name} of the key: ${those}` }];
  return wanted.flatMap((value, index) =>
    own.includes(value)
      ? []
      : [
          {
            pointer: `#/${name}/${index}`,
            code: 'enum',
            detail: `must be one of the key's ${name}: ${those}`,
          },
        ],
  );
}

function missingEntries(
  wanted: Readonly<Record<string, string>> = {},
  own: Readonly<Record<string, string>> = {},
): InputError[] {
  return Object.entries(own).flatMap(([name, value]) => {
    if (Object.hasOwn(wanted, name) && wanted[name] === value) return [];
    const pointer = fragmentOf(`/metadata_filter${pointerToken(name)}`);
    return [{ pointer, code: 'const', detail: `must be ${JSON.stringify(value)}, as in the key's filter` }];
  });
}
