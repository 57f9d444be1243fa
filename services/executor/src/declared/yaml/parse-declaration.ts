import type { z } from 'zod';
import { Declaration } from '../declaration.ts';
import type { Mistake } from './yaml-places.ts';

export interface Parsed {
  /** In spite of mistakes there as far as it can be, without what is wrong, so that the rest can be checked as well. */
  readonly declaration?: Declaration;
  readonly mistakes: readonly Mistake[];
}

/** What others are checked against, or what an action is: without it each check would find what only follows. */
const NEEDED = ['', 'resource', 'input', 'http', 'command'];

/** One declaration, and what its form is wrong in. Paths start at the declaration. */
export function parseDeclaration(content: unknown): Parsed {
  const parsed = Declaration.safeParse(content);
  if (parsed.success) return { declaration: parsed.data, mistakes: [] };
  const mistakes = parsed.error.issues.flatMap((issue) => mistakesOf(issue, content));
  if (mistakes.some(({ path }) => NEEDED.includes(path.join('.')))) return { mistakes };
  const rest = Declaration.safeParse(mistakes.reduce((left, { path }) => without(left, path), content));
  return rest.success ? { declaration: rest.data, mistakes } : { mistakes };
}

export function mistakesOf(issue: z.core.$ZodIssue, content: unknown): Mistake[] {
  const { path } = issue;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: [...path, key],
      message: 'is not a known key here',
      isKey: true,
    }));
  }
  const isMissing = issue.code === 'invalid_type' && valueAt(content, path) === undefined;
  return [{ path, message: isMissing ? 'is missing' : issue.message }];
}

function valueAt(content: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key],
    content,
  );
}

/** A list goes as a whole. */
function without(content: unknown, [key, ...path]: readonly PropertyKey[]): unknown {
  if (typeof content !== 'object' || content === null || key === undefined) return content;
  const { [key]: inner, ...others } = content as Record<PropertyKey, unknown>;
  if (path.length === 0 || Array.isArray(inner)) return others;
  return inner === undefined ? content : { ...others, [key]: without(inner, path) };
}
