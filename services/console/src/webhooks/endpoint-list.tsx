import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import type { Endpoint } from '../api/answers.ts';
import { pathTo, request } from '../api/request.ts';
import { curlOf, errandOf } from '../parts/commands.ts';
import { CopyAs, CopyText } from '../parts/copy.tsx';
import { Empty, Failure } from '../parts/feedback.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Read } from '../parts/query-state.tsx';
import { numbers, Table } from '../parts/table.tsx';
import { Ago } from '../parts/time.tsx';
import { HealthMark } from './health-mark.tsx';

/** Who is told of endings. */
export function EndpointList() {
  const { tenant } = useParams({ from: '/t/$tenant/webhooks' });
  const path = pathTo`/v2/tenants/${tenant}/webhooks`;
  const endpoints = useQuery({
    queryKey: ['webhooks', tenant],
    queryFn: async () => (await request<{ webhooks: readonly Endpoint[] }>(path)).webhooks,
    refetchInterval: 5_000,
  });
  return (
    <>
      <PageHead title="Webhooks">
        <CopyAs curl={curlOf(path)} errand={errandOf('webhooks', 'list')} />
      </PageHead>
      <section className="panel">
        <Read query={endpoints}>
          {(list) =>
            list.length === 0 ? (
              <Empty
                title="Nobody is told of endings."
                command={errandOf('webhooks', 'create', '--url', 'https://example.org/hooks')}
              >
                An endpoint hears of the jobs of the tenant as they end.
              </Empty>
            ) : (
              <Table
                label="Endpoints"
                columns={['Health', 'Endpoint', numbers('Waiting'), 'Last success', 'Last failure']}
              >
                {list.map((endpoint) => (
                  <tr key={endpoint.endpoint_id}>
                    <td>
                      <HealthMark endpoint={endpoint} />
                    </td>
                    <td>
                      <Link
                        data-row
                        to="/t/$tenant/webhooks/$endpointId"
                        params={{ tenant, endpointId: endpoint.endpoint_id }}
                      >
                        {endpoint.url}
                      </Link>
                      <div className="dim" dir="auto">
                        {endpoint.description}
                      </div>
                    </td>
                    <td className="num">
                      {endpoint.health?.backlog.pending ?? '–'}
                      {endpoint.health?.backlog.pending_is_capped ? '+' : ''}
                    </td>
                    <td className="dim nowrap">
                      <Ago at={endpoint.health?.last_success_at} />
                    </td>
                    <td className="dim nowrap">
                      <Ago at={endpoint.health?.last_failure_at} />
                    </td>
                  </tr>
                ))}
              </Table>
            )
          }
        </Read>
      </section>
      <NewEndpoint tenant={tenant} path={path} />
    </>
  );
}

function NewEndpoint({ tenant, path }: { tenant: string; path: string }) {
  const queries = useQueryClient();
  const [url, setUrl] = useState('');
  const [error, setError] = useState<unknown>();
  const [secret, setSecret] = useState<string>();
  const add = async (event: FormEvent) => {
    event.preventDefault();
    setError(undefined);
    try {
      const made = await request<{ signing_secret: string }>(path, { method: 'POST', body: { url } });
      setSecret(made.signing_secret);
      setUrl('');
      await queries.invalidateQueries({ queryKey: ['webhooks', tenant] });
    } catch (failed) {
      setError(failed);
    }
  };
  return (
    <section className="panel">
      <header>
        <h2>Add an endpoint</h2>
      </header>
      <form className="body stack" onSubmit={(event) => void add(event)}>
        <div className="field">
          <label htmlFor="url">URL</label>
          <input
            id="url"
            type="url"
            required
            placeholder="https://example.org/hooks/errand"
            value={url}
            onInput={(event) => setUrl(event.currentTarget.value)}
          />
        </div>
        {error === undefined ? null : <Failure error={error} />}
        {secret === undefined ? null : (
          <div className="note ok" role="status">
            Its signing secret, shown only now:
            <CopyText text={secret} />
          </div>
        )}
        <div>
          <button type="submit" className="btn primary">
            Add
          </button>
        </div>
      </form>
    </section>
  );
}
