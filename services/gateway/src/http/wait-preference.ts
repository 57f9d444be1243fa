import type { InputError } from '@errand/contracts';

/** The longest that a call may be held open, in seconds. Longer wishes are cut to it. */
const MAX_WAIT_S = 60;
const WHOLE_SECONDS = /^\d{1,9}$/;

/**
 * The seconds of `wait=n` in a Prefer header (RFC 7240, 4.3), at most 60, or undefined without one. Preferences that
 * are unknown or malformed are passed over, as that RFC wants it; of several the first counts.
 */
export function preferredWaitS(prefer: string | null): number | undefined {
  for (const preference of prefer?.split(',') ?? []) {
    const [name = '', value = ''] = (preference.split(';')[0] ?? '').split('=').map((part) => part.trim());
    if (name.toLowerCase() !== 'wait') continue;
    const text = value.replace(/^"(.*)"$/, '$1');
    return WHOLE_SECONDS.test(text) ? atMost(text) : undefined;
  }
  return undefined;
}

/** The seconds of the query parameter `wait`, at most 60; 0 without it. */
export function queriedWaitS(
  wait: string | undefined,
): { kind: 'seconds'; seconds: number } | { kind: 'invalid'; error: InputError } {
  if (wait === undefined) return { kind: 'seconds', seconds: 0 };
  if (WHOLE_SECONDS.test(wait)) return { kind: 'seconds', seconds: atMost(wait) };
  const detail = 'must be a whole number of seconds';
  return { kind: 'invalid', error: { parameter: 'wait', code: 'type', detail } };
}

function atMost(text: string): number {
  return Math.min(MAX_WAIT_S, Number(text));
}
