import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import type { TenantView } from '../api/answers.ts';
import { request } from '../api/request.ts';

const MOST = 1_000;

/** For admins, who open every tenant. */
export function TenantPicker({ tenant }: { tenant: string | undefined }) {
  const navigate = useNavigate();
  const { data } = useQuery({ queryKey: ['tenants'], queryFn: readTenants, staleTime: 30_000 });
  const ids = [
    ...new Set([...(tenant === undefined ? [] : [tenant]), ...(data ?? []).map((each) => each.tenant_id)]),
  ];
  return (
    <select
      aria-label="Tenant"
      value={tenant ?? ''}
      onChange={(event) => {
        const chosen = event.currentTarget.value;
        void navigate(
          chosen === '' ? { to: '/admin/tenants' } : { to: '/t/$tenant', params: { tenant: chosen } },
        );
      }}
    >
      <option value="">All tenants</option>
      <Options ids={ids} />
    </select>
  );
}

/** For somebody with roles in several tenants. */
export function OwnTenants({ ids, tenant }: { ids: readonly string[]; tenant: string | undefined }) {
  const navigate = useNavigate();
  return (
    <select
      aria-label="Tenant"
      value={tenant ?? ''}
      onChange={(event) => void navigate({ to: '/t/$tenant', params: { tenant: event.currentTarget.value } })}
    >
      <Options ids={ids} />
    </select>
  );
}

function Options({ ids }: { ids: readonly string[] }) {
  return ids.map((id) => (
    <option key={id} value={id}>
      {id}
    </option>
  ));
}

/** The first thousand. */
export async function readTenants(): Promise<readonly TenantView[]> {
  const page = await request<{ tenants: readonly TenantView[] }>(`/admin/tenants?limit=${MOST}`);
  return page.tenants;
}
