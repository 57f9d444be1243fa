import { PermanentError } from '@errand/actions';
import { reasonsOf } from '@errand/actions/execution';
import { flawsOfWanted } from '@errand/contracts';

/* What endpoints and programs write, whom nobody keeps from writing anything. */

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text that these bytes are in UTF-8; undefined where they are none, which nobody should read as something else. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/**
 * Parses JSON, also after a byte order mark. `wanted` are the JSON pointers to what will be used of it: no more need be
 * such that it can be given back as it came.
 * @throws SyntaxError for what is none; PermanentError invalid_output, which names each place
 */
export function parseOutside(text: string, wanted: readonly string[] = ['']): unknown {
  const json = text.startsWith('\ufeff') ? text.slice(1) : text;
  const value: unknown = JSON.parse(json);
  const faults = flawsOfWanted(json, wanted);
  if (faults.length === 0) return value;
  const cause = reasonsOf(value, faults);
  throw new PermanentError(
    'invalid_output',
    'The output contains values that cannot be stored exactly.',
    faults,
    {
      cause,
    },
  );
}
