import { UsageError } from '../errors.ts';
import type { ApiRequest } from './transport.ts';

type GivenHeaders = Readonly<Record<string, string>>;

/** What fetch is given, once for all attempts at a call. */
export interface ComposedRequest {
  readonly url: string;
  readonly init: RequestInit;
}

/** @throws UsageError for what cannot be sent: an input that JSON cannot hold, or a header */
export function composeRequest(
  { base, headers }: { base: string; headers: Headers },
  { method, path, query = {}, body, headers: own = {} }: ApiRequest,
): ComposedRequest {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return {
    url: base + path + (search === '' ? '' : `?${search}`),
    init: {
      method,
      headers: mergeHeaders(headers, body === undefined ? {} : { 'content-type': 'application/json' }, own),
      ...(body === undefined ? {} : { body: jsonOf(body) }),
      // A key must go only to the server that it was meant for.
      redirect: 'manual',
      credentials: 'omit',
    },
  };
}

function jsonOf(body: unknown): string {
  try {
    const json = JSON.stringify(body);
    // Numbers that JSON cannot express are written as null.
    if (json?.includes('null')) JSON.stringify(body, assertFinite);
    return json;
  } catch (cause) {
    throw new UsageError(`the request cannot be written as JSON: ${(cause as Error).message}`, { cause });
  }
}

function assertFinite(name: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) throw new TypeError(`${name} is ${value}`);
  return value;
}

/** Later ones replace earlier ones, whatever their case. @throws UsageError that names a header, never its value */
export function mergeHeaders(first: Headers | undefined, ...others: readonly GivenHeaders[]): Headers {
  const merged = new Headers(first);
  for (const [name, value] of others.flatMap(Object.entries<string>)) {
    try {
      merged.set(name, value);
    } catch {
      throw new UsageError(`the header ${name} contains invalid characters`);
    }
  }
  return merged;
}
