import { fragmentOf, type InputError, pointerToken } from '@errand/contracts';
import { z } from 'zod';
import { Refusal } from './problem.ts';

/**
 * Reads a body of the API's own by its schema.
 * @throws Refusal invalid_input, which names the wrong members
 */
export function parseBody<T>(schema: z.ZodType<T>, value: unknown): T {
  const checked = checkBody(schema, value);
  if (checked.kind === 'invalid') throw new Refusal('invalid_input', { errors: checked.errors });
  return checked.value;
}

/** The same without throwing. `base` is where the value is in the request's body. */
export function checkBody<T>(
  schema: z.ZodType<T>,
  value: unknown,
  base = '',
): { kind: 'valid'; value: T } | { kind: 'invalid'; errors: Iterable<InputError> } {
  const parsed = schema.safeParse(value);
  return parsed.success
    ? { kind: 'valid', value: parsed.data }
    : { kind: 'invalid', errors: bodyErrorsOf(parsed.error.issues, value, base) };
}

/** Text that may be stored: Postgres cannot hold NUL, and no log needs control characters but line breaks and tabs. */
export function printable(text: z.ZodString): z.ZodString {
  // Without the flag u, which a pattern in a JSON Schema does not have.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused.
  return text.regex(/^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$/, 'must not contain control characters');
}

/** The body of a request that needs none. */
export const EmptyBody = z.strictObject({});

/**
 * Reads the body of a request that needs none.
 * @throws Refusal invalid_input, which names the members
 */
export function parseEmptyBody(value: unknown): void {
  parseBody(EmptyBody, value);
}

/** Zod's issues under the same codes as those of action inputs. Each error is made when it is asked for. */
function* bodyErrorsOf(
  issues: readonly z.core.$ZodIssue[],
  value: unknown,
  base: string,
): Generator<InputError, void, undefined> {
  for (const issue of issues) {
    const path = base + issue.path.map(pointerToken).join('');
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) {
        yield {
          pointer: fragmentOf(path + pointerToken(key)),
          code: 'unknown_property',
          detail: 'is not a known property',
        };
      }
      continue;
    }
    const missing = issue.code === 'invalid_type' && isMissing(value, issue.path);
    yield {
      pointer: fragmentOf(path),
      code: missing ? 'required' : codeOf(issue),
      detail: missing ? 'is required' : issue.message,
    };
  }
}

function isMissing(value: unknown, path: readonly PropertyKey[]): boolean {
  let at = value;
  for (const key of path) at = (at as Record<PropertyKey, unknown> | undefined)?.[key];
  return at === undefined;
}

/** What of a value is too small or too large; the words are those of JSON Schema. */
const SIZE_OF: Record<string, string> = { string: '_length', array: '_items' };

function codeOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return 'type';
    case 'invalid_value':
      return 'enum';
    case 'too_small':
      return `min${SIZE_OF[issue.origin] ?? 'imum'}`;
    case 'too_big':
      return `max${SIZE_OF[issue.origin] ?? 'imum'}`;
    case 'invalid_key':
      return 'invalid_property_name';
    case 'custom':
      return typeof issue.params?.code === 'string' ? issue.params.code : 'invalid';
    default:
      return 'invalid';
  }
}
