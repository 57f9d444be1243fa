import { createErrand, type Errand } from '@errand/client';
import { CannotRun } from './gateway.ts';

/**
 * A tenant's client. `env`: ERRAND_URL, ERRAND_TENANT, and ERRAND_API_KEY or else ERRAND_ADMIN_KEY.
 * @throws CannotRun where one is missing or wrong
 */
export function createClient(
  env: Record<string, string | undefined>,
  place: { url: string | undefined; tenant: string | undefined },
): Errand {
  const url = place.url ?? env.ERRAND_URL ?? '';
  const tenant = place.tenant ?? env.ERRAND_TENANT ?? '';
  const apiKey = env.ERRAND_API_KEY || env.ERRAND_ADMIN_KEY || '';
  if (!URL.canParse(url)) {
    throw new CannotRun('name the gateway with --url or ERRAND_URL, such as http://127.0.0.1:8080');
  }
  if (tenant === '') throw new CannotRun('name the tenant with --tenant or ERRAND_TENANT');
  if (apiKey === '') throw new CannotRun('set ERRAND_API_KEY to a key of the tenant');
  return createErrand({ url, tenant, apiKey });
}
