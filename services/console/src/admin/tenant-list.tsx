import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import type { TenantView } from '../api/answers.ts';
import { pathTo, request } from '../api/request.ts';
import { readTenants } from '../frame/tenant-picker.tsx';
import { curlOf, errandOf } from '../parts/commands.ts';
import { CopyAs } from '../parts/copy.tsx';
import { Empty, Failure } from '../parts/feedback.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Read } from '../parts/query-state.tsx';
import { Mark } from '../parts/status.tsx';
import { Table } from '../parts/table.tsx';
import { Ago } from '../parts/time.tsx';

export function TenantList() {
  const queries = useQueryClient();
  const [error, setError] = useState<unknown>();
  const [id, setId] = useState('');
  const tenants = useQuery({ queryKey: ['tenants'], queryFn: readTenants, refetchInterval: 10_000 });
  const act = async (path: string, method: 'PUT' | 'POST') => {
    setError(undefined);
    await request(path, { method, body: {} }).catch(setError);
    await queries.invalidateQueries({ queryKey: ['tenants'] });
  };
  const add = (event: FormEvent) => {
    event.preventDefault();
    void act(pathTo`/admin/tenants/${id}`, 'PUT').then(() => setId(''));
  };
  return (
    <>
      <PageHead title="Tenants">
        <CopyAs curl={curlOf('/admin/tenants')} errand={errandOf('tenants', 'list')} />
      </PageHead>
      {error === undefined ? null : <Failure error={error} />}
      <section className="panel">
        <Read query={tenants}>
          {(list) =>
            list.length === 0 ? (
              <Empty title="There is no tenant." command={errandOf('tenants', 'put', 'acme')} />
            ) : (
              <Table label="Tenants" columns={['Tenant', 'State', 'Limits', 'Created', { spoken: 'Pause' }]}>
                {list.map((tenant) => (
                  <TenantRow key={tenant.tenant_id} tenant={tenant} act={act} />
                ))}
              </Table>
            )
          }
        </Read>
        <form className="body row" onSubmit={add}>
          <input
            aria-label="Id of a new tenant"
            placeholder="new-tenant"
            required
            value={id}
            onInput={(event) => setId(event.currentTarget.value)}
          />
          <button type="submit" className="btn primary">
            Make a tenant
          </button>
        </form>
      </section>
    </>
  );
}

function TenantRow({
  tenant,
  act,
}: {
  tenant: TenantView;
  act: (path: string, method: 'POST') => Promise<void>;
}) {
  const { tenant_id: id, paused, limits } = tenant;
  const deed = paused ? 'resume' : 'pause';
  return (
    <tr>
      <td>
        <Link data-row to="/t/$tenant" params={{ tenant: id }}>
          {id}
        </Link>
      </td>
      <td>
        {paused ? <Mark tone="warn" icon="off" word="Paused" /> : <Mark tone="ok" icon="ok" word="Open" />}
      </td>
      <td className="dim">
        {Object.entries(limits)
          .map(([name, value]) => `${name} ${value}`)
          .join(', ') || 'none'}
      </td>
      <td className="dim nowrap">
        <Ago at={tenant.created_at} />
      </td>
      <td className="num">
        <button
          type="button"
          className="btn"
          onClick={() => void act(pathTo`/admin/tenants/${id}/${deed}`, 'POST')}
        >
          {paused ? 'Resume' : 'Pause'}
          <span className="sr"> {id}</span>
        </button>
      </td>
    </tr>
  );
}
