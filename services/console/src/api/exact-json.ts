/*
 * JSON as it is. A number that JavaScript would change, such as 1970670598291982290 or 24350.10, stays the text that was
 * sent, and is sent back as it came.
 */

export interface ExactNumber {
  readonly rawJSON: string;
}
export type Json = null | boolean | string | number | ExactNumber | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json;
}

interface SourceJson {
  parse(
    text: string,
    revive: (key: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown;
  rawJSON?: (text: string) => ExactNumber;
  isRawJSON?: (value: unknown) => value is ExactNumber;
}
/** What ECMAScript has since 2025. */
const json = JSON as unknown as SourceJson;

/** Whether this browser can keep numbers as they were sent. */
export const isExact = json.rawJSON !== undefined;

export function parseExact(text: string): unknown {
  const { rawJSON } = json;
  if (!rawJSON) return JSON.parse(text);
  return json.parse(text, (_, value, { source }) =>
    typeof value === 'number' && source !== undefined && String(value) !== source ? rawJSON(source) : value,
  );
}

export function isExactNumber(value: unknown): value is ExactNumber {
  return json.isRawJSON?.(value) ?? false;
}

/** The number that a text is, kept exactly; undefined for text that is no JSON number. */
export function exactNumber(text: string): number | ExactNumber | undefined {
  if (!/^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text)) return undefined;
  return String(Number(text)) === text || !json.rawJSON ? Number(text) : json.rawJSON(text);
}
