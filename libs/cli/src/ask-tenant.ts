import { ErrandError } from '@errand/client';
import type { World } from './command.ts';
import { CommandFailed, exitCodeOf } from './exit-codes.ts';
import { createGateway, problemOf } from './gateway.ts';
import { needSettings } from './settings.ts';

/** Reads what the tenant's client has no call for: a path below the tenant. @throws CannotRun, CommandFailed */
export async function askTenant<T>(
  world: World,
  path: string,
  query: Readonly<Record<string, string | number | undefined>>,
): Promise<T> {
  const { url, tenant, api_key: key } = needSettings(await world.settings(), 'url', 'tenant', 'api_key');
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  const response = await createGateway({ url, key, keyName: 'the API key', signal: world.signal }).ask(
    'GET',
    `/v2/tenants/${encodeURIComponent(tenant)}${path}?${search}`,
    { expected: REFUSALS },
  );
  return answerOf<T>(response);
}

export const REFUSALS: readonly number[] = [400, 404, 409, 410, 413, 422];

/** The JSON of an answer; undefined if it has no body. @throws CommandFailed for a refusal, by its status */
export async function answerOf<T>(response: Response): Promise<T> {
  if (response.ok) {
    const text = await response.text();
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }
  const { status } = response;
  const detail = await problemOf(response);
  const error = new ErrandError(`http_${status}`, { detail, status });
  throw new CommandFailed(exitCodeOf(error), [detail], error);
}
