import { EventId, type InputError, METADATA_MAX_ENTRIES, Metadata } from '@errand/contracts';
import { z } from 'zod';
import type { TenantHandler } from './authenticate.ts';
import { Refusal } from './problem.ts';
import type { Ctx } from './request-log.ts';

/* What the queries of all lists have in common. */

const MAX_LIMIT = 200;
export const DEFAULT_LIMIT = 50;
const UNKNOWN = 'is not a known parameter';

/** A place in a list that is ordered by UUIDv7, as callers hand it back: the bytes of the last id they have seen. */
export function cursorOf(id: string): string {
  return Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url');
}

type Read<T> = { value: T; wrong?: never } | { wrong: string; value?: never };

/** Reads parameters one by one, notes what is wrong, and knows afterwards which ones nobody asked for. */
export function createQueryReader(parameters: URLSearchParams, errors: InputError[]) {
  const known = new Set<string>();
  const refuse = (parameter: string, code: string, detail: string) =>
    errors.push({ parameter, code, detail });

  function one<T>(name: string, parse: (text: string) => Read<T>): T | undefined {
    known.add(name);
    const sent = parameters.getAll(name);
    if (sent.length > 1) refuse(name, 'repeated', 'must be given once');
    if (sent.length !== 1) return undefined;
    const read = parse(sent[0] ?? '');
    if (read.wrong === undefined) return read.value;
    refuse(name, 'invalid_parameter', read.wrong);
    return undefined;
  }

  function several<T extends string>(name: string, schema: z.ZodType<T>, wrong: string): T[] {
    known.add(name);
    const values = new Set(parameters.getAll(name).flatMap((list) => list.split(',')));
    const parsed = z.array(schema).safeParse([...values]);
    if (parsed.success) return parsed.data;
    refuse(name, 'invalid_parameter', wrong);
    return [];
  }

  function metadata(): Map<string, string> {
    const wanted = new Map<string, string>();
    const names = new Set([...parameters.keys()].filter((name) => name.startsWith('metadata.')));
    for (const name of names) known.add(name);
    if (names.size > METADATA_MAX_ENTRIES) {
      refuse('metadata', 'too_many', `must have at most ${METADATA_MAX_ENTRIES} entries`);
      return wanted;
    }
    for (const name of names) {
      const key = name.slice('metadata.'.length);
      const value = one(name, (text) =>
        Metadata.safeParse({ [key]: text }).success && !`${key}${text}`.includes('\0')
          ? { value: text }
          : { wrong: 'must be a valid metadata entry' },
      );
      if (value !== undefined) wanted.set(key, value);
    }
    return wanted;
  }

  function refuseOthers(): void {
    for (const name of new Set(parameters.keys())) {
      if (!known.has(name)) refuse(name, 'unknown_parameter', UNKNOWN);
    }
  }

  return { one, several, metadata, refuseOthers };
}

/** An instant in a query, the only reader of such. */
export function readInstant(text: string): Read<number> {
  // A plus sign that was not percent-encoded arrives as a space.
  const instant = text.replace(' ', '+');
  return z.iso.datetime({ offset: true }).safeParse(instant).success
    ? { value: Date.parse(instant) }
    : { wrong: 'must be an RFC 3339 instant, such as 2026-01-31T12:00:00Z' };
}

/**
 * Refuses parameters that a call does not know: most likely they are mistyped.
 * @throws Refusal invalid_input
 */
export function refuseUnknownParameters(c: Ctx, known: readonly string[]): void {
  if (!c.req.url.includes('?')) return;
  const names = Object.keys(c.req.query()).filter((name) => !known.includes(name));
  if (names.length === 0) return;
  const errors = names.map((parameter) => ({ parameter, code: 'unknown_parameter', detail: UNKNOWN }));
  throw new Refusal('invalid_input', { errors });
}

/** A handler of calls without parameters. */
export function withoutParameters(handler: TenantHandler): TenantHandler {
  return (c, caller) => {
    refuseUnknownParameters(c, []);
    return handler(c, caller);
  };
}

export function readLimit(text: string): Read<number> {
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  return limit >= 1 && limit <= MAX_LIMIT
    ? { value: limit }
    : { wrong: `must be a whole number from 1 to ${MAX_LIMIT}` };
}

export function readCursor(text: string): Read<string> {
  const hex = /^[\w-]{22}$/.test(text) ? Buffer.from(text, 'base64url').toString('hex') : '';
  const id = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return EventId.safeParse(id).success ? { value: id } : { wrong: 'must be the next_cursor of a response' };
}

/**
 * Whether the request is only to be checked.
 * @throws Refusal invalid_input
 */
export function isDryRun(c: Ctx): boolean {
  const sent = c.req.query('validate_only');
  if (sent === undefined || sent === 'true' || sent === 'false') return sent === 'true';
  const detail = 'must be true or false';
  throw new Refusal('invalid_input', { errors: [{ parameter: 'validate_only', code: 'enum', detail }] });
}
