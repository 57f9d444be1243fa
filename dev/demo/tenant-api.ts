import type { DemoTarget } from './target.ts';

interface ApiAnswer<T> {
  status: number;
  headers: Headers;
  text: string;
  body: T;
}

/** Calls the API below the tenant's path. */
export interface TenantApi {
  /** Resolves to any answer, errors included; a body that is not JSON is undefined. */
  call<T>(method: string, path: string, body?: unknown): Promise<ApiAnswer<T>>;
  /** @throws when the answer has another status than `status`. */
  expect<T>(status: number, ...request: [method: string, path: string, body?: unknown]): Promise<T>;
}

export function createTenantApi({ url, apiKey, tenantId }: DemoTarget): TenantApi {
  const api: TenantApi = {
    async call<T>(method: string, path: string, body?: unknown) {
      const response = await fetch(`${url}/v2/tenants/${tenantId}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${apiKey}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, headers: response.headers, text, body: parseJson(text) as T };
    },
    async expect<T>(status: number, ...[method, path, body]: [string, string, unknown?]) {
      const answer = await api.call<T>(method, path, body);
      if (answer.status === status) return answer.body;
      const words = JSON.stringify(answer.body) ?? '';
      throw new Error(
        `${method} ${path} answers ${answer.status} instead of ${status}: ${words.slice(0, 500)}`,
      );
    },
  };
  return api;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
