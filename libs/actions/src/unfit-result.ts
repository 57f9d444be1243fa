/** Why a value is not a valid result: where, by which rule, and in words. */
export interface Flaw {
  readonly pointer?: string | undefined;
  readonly code?: string | undefined;
  readonly detail: string;
}

/** The most characters of the reasons. */
const MAX_REASONS = 16_384;

/** For the author, who knows the value: a line for each flaw, with the kind of value found instead. */
export function reasonsOf(value: unknown, flaws: readonly Flaw[]): string {
  return flaws
    .map(({ pointer = '#', code, detail }) => {
      const rule = code === undefined ? '' : ` (${code})`;
      return `${pointer}: ${detail}${rule}; the value is ${kindOf(valueAt(value, pointer))}`;
    })
    .join('\n')
    .slice(0, MAX_REASONS);
}

function valueAt(value: unknown, pointer: string): unknown {
  try {
    const tokens = decodeURIComponent(pointer).split('/').slice(1);
    return tokens.reduce(
      (found, token) =>
        (found as Record<string, unknown> | null | undefined)?.[
          token.replaceAll('~1', '/').replaceAll('~0', '~')
        ],
      value,
    );
  } catch {
    // A getter that throws, or a name that looks percent-encoded.
    return undefined;
  }
}

/** Never the value itself. */
function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'number') return Number.isFinite(value) ? 'a number' : String(value);
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value !== 'object') return `a ${typeof value}`;
  const name = Object.getPrototypeOf(value)?.constructor?.name;
  return typeof name === 'string' && name !== 'Object' && name !== '' ? `a ${name}` : 'an object';
}
