import { inspect } from 'node:util';
import type { Logger } from '@errand/runtime';
import type { CallerLog } from '../attempt/caller-log.ts';

/** What an attempt may write to the executor's log, in bytes of JSON. */
export interface LogLimits {
  readonly logLineBytes: number;
  readonly logAttemptBytes: number;
}

/**
 * The log of one attempt. A line that is too long is cut, with its fields as one text, and says how long it was. Once
 * the attempt has had all that it may write, it is said so once, and what follows is dropped. `told` is who else gets the
 * lines.
 */
export function createAttemptLog(
  log: () => Pick<Logger, 'info' | 'warn'>,
  { logLineBytes, logAttemptBytes }: LogLimits,
  told?: Pick<CallerLog, 'line' | 'dropLine'>,
): (message: string, fields?: Record<string, unknown>) => void {
  let left = logAttemptBytes;
  return (message, fields) => {
    if (left <= 0) return told?.dropLine();
    const text = String(message);
    const written = fields === undefined ? '' : textOfFields(fields);
    const bytes = Buffer.byteLength(text) + Buffer.byteLength(written);
    const isCut = bytes > logLineBytes;
    left -= Math.min(bytes, logLineBytes);
    if (left <= 0) {
      log().warn({ log_attempt_bytes: logAttemptBytes }, 'attempt_logs_no_more');
      told?.dropLine();
    } else if (!isCut) {
      log().info({ ...fields }, text);
      told?.line(text, fields && { fields: plainFields(written) });
    } else {
      const kept = cut(text, logLineBytes);
      const room = logLineBytes - Buffer.byteLength(kept);
      log().info({ cut_of_bytes: bytes, fields: cut(written, room) }, kept);
      told?.line(kept, { cut_of_bytes: bytes });
    }
  };
}

/** As the logger writes them, or nearly so. */
function textOfFields(fields: Record<string, unknown>): string {
  try {
    const textOfErrors = (_: string, value: unknown) => (value instanceof Error ? value.stack : value);
    return JSON.stringify(fields, textOfErrors) ?? '';
  } catch {
    // It goes round in itself, or JSON cannot hold it.
    return inspect(fields, { depth: 4 });
  }
}

/** What JSON keeps of them. */
function plainFields(written: string): Record<string, unknown> {
  try {
    const kept: unknown = JSON.parse(written);
    if (typeof kept === 'object' && kept !== null && !Array.isArray(kept)) return { ...kept };
  } catch {
    // As `textOfFields` shows what JSON cannot hold.
  }
  return { text: written };
}

function cut(text: string, maxBytes: number): string {
  return Buffer.byteLength(text) <= maxBytes
    ? text
    : Buffer.from(text).subarray(0, maxBytes).toString('utf8');
}
