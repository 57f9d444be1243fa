import { hash } from 'node:crypto';
import type { ActionContract, ConcurrencyKey, InputError } from '@errand/contracts';

const MAX_VALUE = 200;

/**
 * The values of a contract's concurrency keys for one job: what its caller set, or else what stands in its input. A key
 * without either has no limit for this job. Undefined for a job without any.
 */
export function concurrencyOf(
  { concurrency_keys: declared = [] }: ActionContract,
  input: unknown,
  sent: Readonly<Record<string, string>> = {},
): ConcurrencyKey[] | undefined {
  const keys = declared.flatMap(({ name, pointer, limit }) => {
    const value = Object.hasOwn(sent, name) ? sent[name] : textAt(input, pointer);
    return value === undefined ? [] : [{ name, value: shortened(value), limit }];
  });
  return keys.length === 0 ? undefined : keys;
}

/** Names that a caller set and the contract does not have. */
export function unknownKeys(
  { concurrency_keys: declared = [] }: ActionContract,
  sent: Readonly<Record<string, string>> = {},
): InputError[] {
  const names = declared.map(({ name }) => name);
  return Object.keys(sent)
    .filter((name) => !names.includes(name))
    .map((name) => ({
      pointer: `#/_job/concurrency_keys/${encodeURIComponent(name)}`,
      code: 'unknown_property',
      detail:
        names.length === 0 ? 'the action has no concurrency keys' : `must be one of ${names.join(', ')}`,
    }));
}

/** A text, number or boolean at a JSON Pointer, as text. */
function textAt(input: unknown, pointer: string): string | undefined {
  let value = input;
  for (const token of pointer.split('/').slice(1)) {
    const name = token.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return ['string', 'number', 'boolean'].includes(typeof value) ? String(value) : undefined;
}

/** The log keeps values, and they are compared; a long one is known by its SHA-256. */
function shortened(value: string): string {
  return value.length <= MAX_VALUE ? value : hash('sha256', value, 'hex');
}
