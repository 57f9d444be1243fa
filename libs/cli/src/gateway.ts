/** The gateway could not be asked, or gave no answer that makes sense: the command could not run. */
export class CannotRun extends Error {
  override name = 'CannotRun';
  readonly code = 'cannot_run';
  readonly retryable = true;
}

export interface Gateway {
  /**
   * Asks with the admin key; resolves with answers of 2xx and with those whose status is among `expected`.
   * @throws CannotRun
   */
  ask(method: 'GET' | 'POST', path: string, options?: { expected?: readonly number[] }): Promise<Response>;
}

/** `env`: ERRAND_URL and ERRAND_ADMIN_KEY. @throws CannotRun where either is missing or wrong */
export function createGateway(env: Record<string, string | undefined>): Gateway {
  const { ERRAND_URL: url = '', ERRAND_ADMIN_KEY: key = '' } = env;
  if (!URL.canParse(url)) {
    throw new CannotRun('set ERRAND_URL to the address of the gateway, such as http://127.0.0.1:8080');
  }
  if (key === '') throw new CannotRun('set ERRAND_ADMIN_KEY to the admin key of the gateway');
  return {
    async ask(method, path, { expected = [] } = {}) {
      let response: Response;
      try {
        response = await fetch(new URL(path, url), { method, headers: { authorization: `Bearer ${key}` } });
      } catch (error) {
        throw new CannotRun(`${url} cannot be reached: ${reasonOf(error)}`);
      }
      if (response.ok || expected.includes(response.status)) return response;
      throw new CannotRun(`${url} answered ${response.status}: ${await problemOf(response)}`);
    },
  };
}

/** What a failed request or a body that broke off says. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}

async function problemOf(response: Response): Promise<string> {
  const text = await response.text();
  if (response.status === 401) return 'ERRAND_ADMIN_KEY is not its admin key';
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
