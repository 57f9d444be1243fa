/* What endpoints and programs write, whom nobody keeps from writing anything. */

/** Deeper ones overflow whoever walks them by recursion: validators, databases, callers. */
const MAX_DEPTH = 1_000;
/** Characters of JSON. A fault travels inside its event, however large results may be. */
const MAX_FAULT = 65_536;

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
 * Parses JSON, also after a byte order mark.
 * @throws SyntaxError for what is none, or is nested more than a thousand deep
 */
export function parseOutside(text: string): unknown {
  const json = text.startsWith('\ufeff') ? text.slice(1) : text;
  const value: unknown = JSON.parse(json);
  if (depthOf(json) > MAX_DEPTH) throw new SyntaxError(`JSON is nested more than ${MAX_DEPTH} deep`);
  return value;
}

/** Whether a value is small enough to be told of a failure. */
export function fitsFault(value: unknown): boolean {
  return (JSON.stringify(value)?.length ?? 0) <= MAX_FAULT;
}

/** Of a text that is JSON. */
function depthOf(json: string): number {
  let depth = 0;
  let deepest = 0;
  for (let at = 0; at < json.length; at++) {
    const character = json[at];
    if (character === '"') at = endOfString(json, at);
    else if (character === '[' || character === '{') deepest = Math.max(deepest, ++depth);
    else if (character === ']' || character === '}') depth--;
  }
  return deepest;
}

/** Where the string that begins there ends. */
function endOfString(json: string, start: number): number {
  let at = start + 1;
  while (json[at] !== '"') at += json[at] === '\\' ? 2 : 1;
  return at;
}
