import { ErrandError } from '@errand/client';
import {
  type ApiRequest,
  createTransport,
  DEFAULT_RETRY,
  mergeHeaders,
  readPieces,
} from '@errand/client/for-command';

/*
 * Calls that the tenant's client has no methods for. They work like the client's: with its time limits, its attempts
 * and its errors.
 */

export interface Gateway {
  /** Base of all paths, without a slash at its end. */
  readonly base: string;
  /** The answer's JSON. @throws ErrandError, or the signal's reason */
  json<T>(request: ApiRequest): Promise<T>;
  /** The answer as it comes. Silence longer than `silenceMs` ends it. @throws as `json` does */
  stream(request: ApiRequest, silenceMs: number): AsyncGenerator<Uint8Array, void, undefined>;
}

const TIMEOUT_MS = 30_000;

/** With one key. `base` is the base of all paths: the gateway, or one of its tenants. */
export function createGateway(options: {
  readonly base: string;
  readonly key: string;
  readonly signal: AbortSignal;
  /** For one attempt at a call. */
  readonly timeoutMs?: number;
}): Gateway {
  const { key, signal, timeoutMs = TIMEOUT_MS } = options;
  const base = options.base.replace(/\/+$/, '');
  const transport = createTransport({
    base,
    fetch,
    headers: mergeHeaders(undefined, { accept: 'application/json', authorization: `Bearer ${key}` }),
    timeoutMs,
    streamIdleMs: timeoutMs,
    retry: DEFAULT_RETRY,
  });
  return {
    base,
    json: (request) => transport.json({ ...request, signal }),
    async *stream(request, silenceMs) {
      const answer = await transport.open({ ...request, signal });
      yield* readPieces(answer, { idleMs: silenceMs, signal });
    },
  };
}

/** The call's result, or the value in `otherwise` for the code that it was refused with. */
export async function orElse<T, U>(call: Promise<T>, otherwise: Readonly<Record<string, U>>): Promise<T | U> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof ErrandError && Object.hasOwn(otherwise, error.code))) throw error;
    return otherwise[error.code] as U;
  }
}
