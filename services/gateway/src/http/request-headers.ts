import type { InputError } from '@errand/contracts';

/** W3C Trace Context 1, 3.2.2: version ff and ids of nothing but zeros are invalid. */
const TRACE_PARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
const LENGTH = 55;

/** The header's value if it is well-formed and short enough to be carried by every event, else undefined. */
export function traceParentOf(header: string | null): string | undefined {
  if (header === null || header.length > 100 || !TRACE_PARENT.test(header.slice(0, LENGTH))) return undefined;
  // Versions after 00 may append fields.
  const isWhole = header.length === LENGTH || (header[LENGTH] === '-' && !header.startsWith('00'));
  return isWhole ? header : undefined;
}

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
