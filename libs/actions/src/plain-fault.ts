import { isNestedTooDeeply, type JobFault } from '@errand/contracts';

/** On top of the other members of its event: servers accept at least four times as much in one message. */
const MAX_DETAILS_BYTES = 262_144;
const MAX_DETAILS = 100;

/**
 * A fault that fits its schema and an event, whatever its parts are. Text is truncated and well-formed; details that
 * are not a list become one, without entries that JSON cannot hold, and stop before they exceed 256 KiB.
 */
export function plainFault(parts: { code: unknown; message: unknown; details?: unknown }): JobFault {
  const { code, message, details } = parts;
  return {
    code: textOf(code, 100) || 'action_failed',
    message: textOf(message, 2_000),
    ...(details === undefined ? {} : { details: plainDetails(details) }),
  };
}

/** Anything that is not text becomes empty, except numbers and other primitives. */
function textOf(value: unknown, maxLength: number): string {
  const isPrimitive = typeof value !== 'object' && typeof value !== 'function' && value !== undefined;
  return isPrimitive ? String(value).slice(0, maxLength).toWellFormed() : '';
}

function plainDetails(details: unknown): unknown[] {
  const given: unknown[] = Array.isArray(details) ? details.slice(0, MAX_DETAILS) : [details ?? []].flat();
  const plain: unknown[] = [];
  let bytes = 0;
  for (const detail of given) {
    const json = jsonOf(detail);
    if (json === undefined) continue;
    bytes += Buffer.byteLength(json) + 1;
    if (bytes > MAX_DETAILS_BYTES) break;
    plain.push(JSON.parse(json));
  }
  return plain;
}

const HALF_OF_A_PAIR = /\\(?:ud[89a-f][0-9a-f]{2}|.)/g;

function jsonOf(value: unknown): string | undefined {
  try {
    const json = JSON.stringify(value) as string | undefined;
    if (json === undefined || isNestedTooDeeply(json)) return undefined;
    return json.replaceAll(HALF_OF_A_PAIR, (each) => (each.length === 6 ? '\ufffd' : each));
  } catch {
    return undefined;
  }
}
