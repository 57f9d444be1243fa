import type { BegunAttempt } from '@errand/actions/execution';
import { valueAt } from '@errand/contracts';
import { valuesOf } from './http-exchange.ts';
import { fillUrl, parametersOf } from './url-template.ts';

/* Where an operation is found that the answer to a start has named. */

export type Slashes = { readonly allowSlashes: boolean };

/** Whether a parameter, or a whole URL, points into the start's answer. */
export function isPointer(text: string): boolean {
  return text.startsWith('/');
}

/** What of the answer the address is made of. */
export function answerPointers(url: string): string[] {
  return isPointer(url) ? [url] : parametersOf(url).filter(isPointer);
}

/** Undefined where the answer has not what the URL is made of. */
export function addressIn(
  url: string,
  said: unknown,
  { attempt, slashes }: { attempt: BegunAttempt; slashes: Slashes },
): string | undefined {
  const found = answerPointers(url).map((pointer) => [pointer, valueAt(pointer, said)] as const);
  const isComplete = found.every(([, value]) => ['string', 'number'].includes(typeof value));
  if (!isComplete) return undefined;
  if (isPointer(url)) return String(found[0]?.[1]);
  return fillUrl(url, { ...valuesOf(attempt), ...Object.fromEntries(found) }, slashes);
}
