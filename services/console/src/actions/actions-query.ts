import { queryOptions } from '@tanstack/react-query';
import type { ActionView } from '../api/answers.ts';
import { pathTo, request } from '../api/request.ts';

/** The actions that a tenant may run. */
export function actionsQuery(tenant: string) {
  return queryOptions({
    queryKey: ['actions', tenant],
    queryFn: async () =>
      (await request<{ actions: readonly ActionView[] }>(pathTo`/v2/tenants/${tenant}/actions`)).actions,
    staleTime: 10_000,
  });
}
