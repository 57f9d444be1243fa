import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { causeOf } from '@errand/client/for-command';
import { flawsOfJson, JobId, TenantId } from '@errand/contracts';
import { InvalidArgumentError, Option } from 'commander';
import { CannotRun } from '../cannot-run.ts';

/*
 * Parsers of option values and command words. Errors thrown here are reported with the option's name, as wrong usage.
 */

export const ENDING_TYPES = ['job.succeeded', 'job.failed', 'job.canceled', 'job.expired'] as const;

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** A tenant's id, which becomes part of a path. */
export function readTenant(text: string): string {
  if (!TenantId.safeParse(text).success) {
    throw new InvalidArgumentError('It must be 1-64 letters, digits, _ or -.');
  }
  return text;
}

/** Milliseconds of `500ms`, `60s`, `5m`, `2h`, `1d`; a bare number counts seconds. */
export function readDuration(text: string): number {
  const [, amount, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text) ?? [];
  if (amount === undefined) throw new InvalidArgumentError('It must be a duration such as 60s, 5m or 2h.');
  return Number(amount) * (UNIT_MS[unit] ?? 0);
}

/** A time as RFC 3339, parsed from a time or from a duration: `2h` ago with `sign` -1, from now with 1. */
export function readTime(sign: -1 | 1, now: () => number): (text: string) => string {
  return (text) => {
    if (/^\d+(?:\.\d+)?(?:ms|s|m|h|d)$/.test(text)) {
      const time = new Date(now() + sign * readDuration(text));
      if (!Number.isNaN(time.getTime())) return time.toISOString();
    }
    if (!isDay(text) || !/^.{10}[T ]\d\d:\d\d/.test(text) || Number.isNaN(Date.parse(text))) {
      throw new InvalidArgumentError(
        'It must be a time such as 2026-01-31T12:00:00Z, or a duration such as 2h.',
      );
    }
    return new Date(text).toISOString();
  };
}

/** Whether it begins with a valid calendar date; `Date.parse` takes February 31 for March 3. */
function isDay(text: string): boolean {
  const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d)/.exec(text) ?? [];
  return new Date(Date.UTC(Number(year), Number(month) - 1, Number(day))).getUTCDate() === Number(day);
}

/** A count of at least one. */
export function readOneOrMore(text: string): number {
  if (!/^0*[1-9]\d{0,8}$/.test(text))
    throw new InvalidArgumentError('It must be a whole number of at least 1.');
  return Number(text);
}

export function readPort(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) {
    throw new InvalidArgumentError('It must be a whole number from 0 to 65535.');
  }
  return Number(text);
}

export function readCount(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

/** A version, or another place in a stream: of a log that was begun anew they have fifteen digits. */
export function readPlace(text: string): number {
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(Number(text))) {
    throw new InvalidArgumentError('It must be a whole number.');
  }
  return Number(text);
}

/** Collects `name=value` each time the option is given. */
export function collectPair(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const cut = text.indexOf('=');
  if (cut < 1) throw new InvalidArgumentError('It must be name=value.');
  return { ...before, [text.slice(0, cut)]: text.slice(cut + 1) };
}

/** Collects `a,b` each time the option is given. */
export function collectWords(text: string, before: readonly string[] = []): string[] {
  return [...before, ...text.split(',').filter((word) => word !== '')];
}

/** An option that collects `a,b` of these words each time it is given. */
export function listOption(flags: string, description: string, words: readonly string[]): Option {
  return new Option(flags, description).choices(words).argParser((text, before: readonly string[] = []) => {
    const given = collectWords(text);
    if (given.length === 0 || !given.every((word) => words.includes(word))) {
      throw new InvalidArgumentError(`Allowed choices are ${words.join(', ')}.`);
    }
    return [...before, ...given];
  });
}

/** A name that becomes part of a path of the API. */
export function readName(text: string): string {
  if (['', '.', '..'].includes(text)) throw new InvalidArgumentError('It is not a valid name.');
  return text;
}

export function readJobId(text: string): string {
  if (!JobId.safeParse(text).success) {
    throw new InvalidArgumentError('It must be a job id, as printed by run and jobs.');
  }
  return text;
}

/**
 * The text itself, or the content of a file (`@file`) or of stdin (`-`). A byte order mark is dropped.
 * @throws CannotRun
 */
export async function readText(value: string, stdin: Readable): Promise<string> {
  if (value !== '-' && !value.startsWith('@')) return value;
  const name = value === '-' ? 'stdin' : value.slice(1);
  try {
    const bytes = value === '-' ? await buffer(stdin) : await readFile(name);
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    if (isNotUtf8(error)) throw new CannotRun(`${name} has bytes that are not UTF-8`);
    throw new CannotRun(`${name} cannot be read: ${causeOf(error)}`);
  }
}

/** JSON given in one of these ways, if all of it can be kept unchanged. `what` names it. @throws CannotRun */
export async function readJson(value: string, stdin: Readable, what: string): Promise<unknown> {
  const text = await readText(value, stdin);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new CannotRun(`${what} is not JSON: ${causeOf(error)}`);
  }
  const [flaw] = flawsOfJson(text, json);
  if (flaw) throw new CannotRun(`${what} cannot be sent: ${flaw.pointer} ${flaw.detail}`);
  return json;
}

function isNotUtf8(error: unknown): boolean {
  return (error as { code?: string }).code === 'ERR_ENCODING_INVALID_ENCODED_DATA';
}
