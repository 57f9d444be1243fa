import { fragmentOf, pointerToken } from '../http/json-pointer.ts';
import type { InputError } from '../http/problem.ts';

/*
 * JSON can say more than its readers keep: halves of surrogate pairs, which neither UTF-8 nor Postgres holds; numbers
 * with more digits than a double; a member `__proto__`, which copies of an object lose; nesting that overflows the
 * stack of any code that walks it; two members of one name, of which one is lost. Values come from callers, actions, endpoints and programs, and go to as many places.
 * So one rule holds wherever a value enters: what could not be returned unchanged is refused, and the error names it.
 */

/** How deep arrays and objects may be nested in a value. */
export const MAX_JSON_DEPTH = 200;

/** The same for an event, whose values lie a few levels down. */
export const MAX_EVENT_DEPTH = MAX_JSON_DEPTH + 10;

/** At most this many flaws of one text are reported. */
export const MAX_JSON_FLAWS = 100;

/** This many decimal digits are enough to identify any double. */
const DOUBLE_DIGITS = 17;
/** Numbers with fewer characters and no exponent are always exact. */
const EXACT_LENGTH = 16;

const QUOTE = 0x22;
const COLON = 0x3a;
const COMMA = 0x2c;
/** The bit in which `[` differs from `{`, and `]` from `}`. */
const BRACE_BIT = 0x20;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const NUMBER = /[-+.\deE]+/y;
const PARTS = /^-?(\d+)(?:\.(\d+))?(?:[eE]([-+]?\d+))?$/;

/**
 * What is wrong with a JSON text that `JSON.parse` accepts; empty for nearly all. Pointers are relative to its value.
 * `value`: what it was parsed to, for texts that somebody else may have written; without it names may be repeated.
 *
 * | code | meaning |
 * |---|---|
 * | `nested_too_deeply` | more than MAX_JSON_DEPTH levels |
 * | `not_well_formed` | text with half of a surrogate pair |
 * | `inexact_number` | a number that would not be written as it was read |
 * | `reserved_name` | a member named `__proto__` |
 * | `repeated_name` | a member of the same name as one before it |
 */
export function flawsOfJson(text: string, value?: unknown): InputError[] {
  return mayHaveFlaws(text, value) ? findFlaws(text) : [];
}

/**
 * A value as JSON (undefined if there is nothing to write), and what another reader would not get back: flaws of the
 * text, and numbers that JSON cannot express.
 * @throws TypeError for what cannot be written at all, such as a cycle
 */
export function exactJsonOf(value: unknown): { json: string | undefined; flaws: InputError[] } {
  try {
    const json = JSON.stringify(value) as string | undefined;
    const flaws = json === undefined ? [] : flawsOfJson(json);
    // Numbers that JSON cannot express are written as null.
    if (flaws.length === 0 && json?.includes('null')) noteNonFinite(value, '', flaws);
    return { json, flaws };
  } catch (error) {
    if (error instanceof RangeError) return { json: undefined, flaws: [flaw('', 'nested_too_deeply')] };
    throw error;
  }
}

function noteNonFinite(value: unknown, pointer: string, flaws: InputError[]): void {
  if (typeof value === 'number' && !Number.isFinite(value)) flaws.push(flaw(pointer, 'inexact_number'));
  if (typeof value !== 'object' || value === null || flaws.length >= MAX_JSON_FLAWS) return;
  for (const [key, each] of Object.entries(value)) noteNonFinite(each, pointer + pointerToken(key), flaws);
}

/** Whether a JSON text has more levels; such a value overflows the stack of any code that walks it. */
export function isNestedTooDeeply(text: string, maxDepth = MAX_JSON_DEPTH): boolean {
  // Each level takes two characters.
  if (text.length <= 2 * maxDepth) return false;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfText(text, at);
    else if ((code | BRACE_BIT) === OPEN && ++depth > maxDepth) return true;
    else if ((code | BRACE_BIT) === CLOSE) depth--;
  }
  return false;
}

/** One pass that does not track its position. It suspects some texts that have no flaw, and misses none. */
function mayHaveFlaws(text: string, value: unknown): boolean {
  if (!text.isWellFormed() || text.includes('\\u') || text.includes('__proto__')) return true;
  let depth = 0;
  let names = 0;
  let numberLength = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= 0x30 && code <= 0x39) {
      if (++numberLength >= EXACT_LENGTH) return true;
      continue;
    }
    // A point is part of the number. An exponent's `e` needs a closer look; the `e` of `true` does not.
    if (code === 0x2e) continue;
    if (numberLength > 0 && (code | 0x20) === 0x65) return true;
    numberLength = 0;
    if (code === COLON) names++;
    else if (code === QUOTE) at = endOfText(text, at);
    else if ((code | BRACE_BIT) === OPEN && ++depth > MAX_JSON_DEPTH) return true;
    else if ((code | BRACE_BIT) === CLOSE) depth--;
  }
  return value !== undefined && membersIn(value) < names;
}

/** How many members all objects of a value have together. */
function membersIn(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let members = 0;
  if (Array.isArray(value)) for (const each of value) members += membersIn(each);
  else
    for (const name of Object.keys(value)) members += 1 + membersIn((value as Record<string, unknown>)[name]);
  return members;
}

function findFlaws(text: string): InputError[] {
  const flaws: InputError[] = [];
  /** The member's name or the item's number at each level. */
  const path: (string | number)[] = [];
  /** The names so far, at each level. */
  const names: Set<string>[] = [];
  let isName = false;
  const note = (code: FlawCode) =>
    flaws.push(flaw(path.slice(0, MAX_JSON_DEPTH).map(pointerToken).join(''), code));
  for (let at = 0; at < text.length && flaws.length < MAX_JSON_FLAWS; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const end = endOfText(text, at);
      const said = JSON.parse(text.slice(at, end + 1)) as string;
      at = end;
      if (isName) path[path.length - 1] = said;
      if (isName && said === '__proto__') note('reserved_name');
      if (isName && names.at(-1)?.has(said)) note('repeated_name');
      if (isName) names.at(-1)?.add(said);
      if (!said.isWellFormed()) note('not_well_formed');
      isName = false;
    } else if ((code | BRACE_BIT) === OPEN) {
      if (path.length === MAX_JSON_DEPTH) note('nested_too_deeply');
      isName = code === OPEN;
      path.push(isName ? '' : 0);
      names.push(new Set());
    } else if ((code | BRACE_BIT) === CLOSE) {
      isName = false;
      path.pop();
      names.pop();
    } else if (code === COMMA) {
      const last = path.at(-1);
      isName = typeof last === 'string';
      if (typeof last === 'number') path[path.length - 1] = last + 1;
    } else if (code === 0x2d || (code >= 0x30 && code <= 0x39)) {
      NUMBER.lastIndex = at;
      const number = NUMBER.exec(text)?.[0] ?? '';
      at += number.length - 1;
      if (!isExact(number)) note('inexact_number');
    }
  }
  return flaws;
}

/** The position of the quote that closes the string beginning at `start`. */
function endOfText(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === 0x5c) backslashes++;
    if (backslashes % 2 === 0) return end;
  }
  return text.length;
}

/**
 * Whether a number stays the same when it is read and written. A fraction may be the decimal form of its double that
 * another language prefers: 0.10000000000000001 for 0.1.
 */
function isExact(number: string): boolean {
  const read = Number(number);
  if (Number.isSafeInteger(read) && number.length < EXACT_LENGTH && !/[.eE]/.test(number)) return true;
  if (!Number.isFinite(read)) return false;
  const sent = decimalOf(number);
  const kept = decimalOf(String(read));
  const isFraction = sent.exponent < 0;
  if (isFraction && sent.digits.length <= DOUBLE_DIGITS && kept.digits !== '') return true;
  return sent.digits === kept.digits && (sent.digits === '' || sent.exponent === kept.exponent);
}

/** A number's digits without leading and trailing zeros, and the power of ten of the last digit. */
function decimalOf(number: string): { digits: string; exponent: number } {
  const [, whole = '', fraction = '', power = '0'] = PARTS.exec(number) ?? [];
  const all = whole + fraction;
  let from = 0;
  while (all[from] === '0') from++;
  let to = all.length;
  while (to > from && all[to - 1] === '0') to--;
  return { digits: all.slice(from, to), exponent: Number(power) - fraction.length + (all.length - to) };
}

type FlawCode = keyof typeof DETAILS;

const DETAILS = {
  nested_too_deeply: `is nested more than ${MAX_JSON_DEPTH} levels deep`,
  not_well_formed: 'contains half of a surrogate pair',
  inexact_number: 'is a number that cannot be stored exactly; send it as a string',
  reserved_name: 'must not be named __proto__',
  repeated_name: 'has the name of a member before it',
};

function flaw(pointer: string, code: FlawCode): InputError {
  return { pointer: fragmentOf(pointer), code, detail: DETAILS[code] };
}
