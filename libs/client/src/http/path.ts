import { UsageError } from '../errors.ts';

/**
 * A path whose values are percent-encoded: path`/jobs/${id}`.
 * @throws UsageError for a value that cannot be one path segment: empty, or one that URLs resolve away
 */
export function path(words: TemplateStringsArray, ...values: readonly string[]): string {
  return words.reduce((built, word, index) => built + encodeWord(values[index - 1]) + word);
}

export function encodeWord(value: unknown): string {
  if (typeof value !== 'string' || value === '' || value === '.' || value === '..') {
    throw new UsageError(`${JSON.stringify(value)} cannot be part of a path`);
  }
  return encodeURIComponent(value);
}
