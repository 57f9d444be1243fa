import type { InputError } from '@errand/contracts';
import type { z } from 'zod';
import { fragmentOf, pointerToken } from './input-errors.ts';
import { Refusal } from './problem.ts';

/**
 * Reads a body of the API's own by its schema. `base` is where the value is in the request's body.
 * @throws Refusal invalid_input, which names every wrong member
 */
export function parseBody<T>(schema: z.ZodType<T>, value: unknown, base = ''): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new Refusal('invalid_input', { errors: bodyErrorsOf(parsed.error.issues, value, base) });
}

/** Zod's issues under the same codes as those of action inputs. */
function bodyErrorsOf(issues: readonly z.core.$ZodIssue[], value: unknown, base = ''): InputError[] {
  return issues.slice(0, 100).flatMap((issue) => {
    const path = base + issue.path.map(pointerToken).join('');
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        pointer: fragmentOf(path + pointerToken(key)),
        code: 'unknown_property',
        detail: 'is not a known property',
      }));
    }
    const missing = issue.code === 'invalid_type' && isMissing(value, issue.path);
    return [
      {
        pointer: fragmentOf(path),
        code: missing ? 'required' : codeOf(issue),
        detail: missing ? 'is required' : issue.message,
      },
    ];
  });
}

function isMissing(value: unknown, path: readonly PropertyKey[]): boolean {
  let at = value;
  for (const key of path) at = (at as Record<PropertyKey, unknown> | undefined)?.[key];
  return at === undefined;
}

function codeOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return 'type';
    case 'invalid_value':
      return 'enum';
    case 'too_small':
      return issue.origin === 'string' ? 'min_length' : 'minimum';
    case 'too_big':
      return issue.origin === 'string' ? 'max_length' : 'maximum';
    case 'invalid_key':
      return 'invalid_property_name';
    default:
      return 'invalid';
  }
}
