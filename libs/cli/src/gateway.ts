/** The gateway could not be asked, or gave no answer that makes sense: the command could not run. */
export class CannotRun extends Error {
  override name = 'CannotRun';
  readonly code = 'cannot_run';
  readonly retryable = true;
}

export interface Gateway {
  /** Resolves with answers of 2xx and with those whose status is among `expected`. @throws CannotRun */
  ask(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    options?: {
      readonly expected?: readonly number[];
      readonly body?: unknown;
    },
  ): Promise<Response>;
}

interface GatewayOptions {
  readonly url: string;
  readonly key: string;
  /** What the key is called in messages. */
  readonly keyName: string;
  readonly signal: AbortSignal;
}

/** Asks with one key. */
export function createGateway({ url, key, keyName, signal }: GatewayOptions): Gateway {
  const base = url.replace(/\/+$/, '');
  return {
    async ask(method, path, { expected = [], body } = {}) {
      let response: Response;
      try {
        response = await fetch(base + path, {
          method,
          headers: {
            authorization: `Bearer ${key}`,
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          // A key is for the server that it was meant for.
          redirect: 'manual',
          signal,
        });
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        throw new CannotRun(`${url} cannot be reached: ${reasonOf(error)}`);
      }
      if (response.ok || expected.includes(response.status)) return response;
      const problem =
        response.status === 401 ? `${keyName} is not one of its keys` : await problemOf(response);
      throw new CannotRun(`${url} answered ${response.status}: ${problem}`);
    },
  };
}

/** What a failed request or a body that broke off says. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message;
}

/** What the body of a refusal says. */
export async function problemOf(response: Response): Promise<string> {
  const text = await response.text();
  try {
    const { detail, errors = [] } = JSON.parse(text) as {
      detail?: string;
      errors?: Record<string, string>[];
    };
    return [detail, ...errors.map((each) => `${each.parameter ?? each.pointer} ${each.detail}`)].join(' ');
  } catch {
    return text.slice(0, 200);
  }
}
