import type { ApiRequest } from './transport.ts';

type GivenHeaders = Readonly<Record<string, string>>;

/** What is handed to fetch, once for all attempts at a call. */
export interface ComposedRequest {
  readonly url: string;
  readonly init: RequestInit;
}

/** @throws TypeError for what cannot be sent: an input that JSON cannot have, or a header */
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
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      // A key is for the server that it was meant for.
      redirect: 'manual',
      credentials: 'omit',
    },
  };
}

/** Later ones replace earlier ones, whatever their case. @throws TypeError that names a header, never its value */
export function mergeHeaders(first: Headers | undefined, ...others: readonly GivenHeaders[]): Headers {
  const merged = new Headers(first);
  for (const [name, value] of others.flatMap(Object.entries<string>)) {
    try {
      merged.set(name, value);
    } catch {
      throw new TypeError(`the header ${name} has characters that headers cannot have`);
    }
  }
  return merged;
}
