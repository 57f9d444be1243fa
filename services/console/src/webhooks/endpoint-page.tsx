import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import type { DeliveryPage, Endpoint, Replay } from '../api/answers.ts';
import { pathTo, queryOf, request } from '../api/request.ts';
import { curlOf, errandOf } from '../parts/commands.ts';
import { CopyAs } from '../parts/copy.tsx';
import { Failure, Progress } from '../parts/feedback.tsx';
import { More } from '../parts/more.tsx';
import { Read } from '../parts/query-state.tsx';
import { Ago } from '../parts/time.tsx';
import { DeliveryList } from './delivery-list.tsx';
import { HealthMark } from './health-mark.tsx';

const EVERY_MS = 3_000;
const DAY_MS = 86_400_000;

/** One endpoint: how it is, what it was told, and what may be done. */
export function EndpointPage() {
  const { tenant, endpointId } = useParams({ from: '/t/$tenant/webhooks/$endpointId' });
  const path = pathTo`/v2/tenants/${tenant}/webhooks/${endpointId}`;
  const endpoint = useQuery({
    queryKey: ['webhook', tenant, endpointId],
    queryFn: () => request<Endpoint>(path),
    refetchInterval: EVERY_MS,
  });
  const deliveries = useInfiniteQuery({
    queryKey: ['webhook-deliveries', tenant, endpointId],
    queryFn: ({ pageParam }) =>
      request<DeliveryPage>(`${path}/deliveries${queryOf({ limit: 50, cursor: pageParam })}`),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    refetchInterval: EVERY_MS,
  });
  return (
    <>
      <Read query={endpoint}>{(data) => <Head tenant={tenant} endpoint={data} path={path} />}</Read>
      <Replays tenant={tenant} path={path} endpointId={endpointId} />
      <section className="panel">
        <header>
          <h2>Deliveries</h2>
        </header>
        <Read query={deliveries}>
          {({ pages }) => (
            <DeliveryList
              tenant={tenant}
              deliveries={pages.flatMap((page) => page.deliveries)}
              empty="It has not been told of anything yet."
            />
          )}
        </Read>
      </section>
      <More list={deliveries} />
    </>
  );
}

function Head({ tenant, endpoint, path }: { tenant: string; endpoint: Endpoint; path: string }) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [error, setError] = useState<unknown>();
  const [tested, setTested] = useState<string>();
  const isPaused = endpoint.health?.state === 'paused';
  const act = async (deed: () => Promise<unknown>) => {
    setError(undefined);
    await deed().catch(setError);
    await queries.invalidateQueries({ queryKey: ['webhook', tenant] });
  };
  const test = () =>
    act(async () => {
      const outcome = await request<Record<string, unknown>>(`${path}/test`, { method: 'POST', body: {} });
      setTested(JSON.stringify(outcome));
    });
  const remove = () =>
    act(async () => {
      if (!confirm(`Delete the endpoint ${endpoint.url}?`)) return;
      await request(path, { method: 'DELETE' });
      await navigate({ to: '/t/$tenant/webhooks', params: { tenant } });
    });
  return (
    <>
      <div className="head">
        <div className="grow">
          <span className="crumb">
            <Link to="/t/$tenant/webhooks" params={{ tenant }}>
              Webhooks
            </Link>{' '}
            / <span className="mono">{endpoint.endpoint_id}</span>
          </span>
          <h1 className="row">
            <HealthMark endpoint={endpoint} /> <span className="mono id">{endpoint.url}</span>
          </h1>
          <span className="row dim" dir="auto">
            {endpoint.description} {endpoint.event_types.join(', ')}
            {endpoint.health?.failing_since ? (
              <span>
                failing since <Ago at={endpoint.health.failing_since} />
              </span>
            ) : null}
          </span>
        </div>
        <div className="row">
          <CopyAs curl={curlOf(path)} errand={errandOf('webhooks', 'show', endpoint.endpoint_id)} />
          <button type="button" className="btn" onClick={() => void test()}>
            Send a test
          </button>
          <button
            type="button"
            className="btn"
            onClick={() =>
              void act(() =>
                request(`${path}/${isPaused ? 'resume' : 'pause'}`, { method: 'POST', body: {} }),
              )
            }
          >
            {isPaused ? 'Resume' : 'Pause'}
          </button>
          <button type="button" className="btn danger" onClick={() => void remove()}>
            Delete
          </button>
        </div>
      </div>
      {error === undefined ? null : <Failure error={error} />}
      {tested === undefined ? null : (
        <p className="note run mono" role="status">
          {tested}
        </p>
      )}
    </>
  );
}

function Replays({ tenant, path, endpointId }: { tenant: string; path: string; endpointId: string }) {
  const queries = useQueryClient();
  const [error, setError] = useState<unknown>();
  const queryKey = ['replays', tenant, endpointId];
  const replays = useQuery({
    queryKey,
    queryFn: async () => (await request<{ replays: readonly Replay[] }>(`${path}/replays`)).replays,
    refetchInterval: EVERY_MS,
  });
  const start = async () => {
    setError(undefined);
    const body = { since: new Date(Date.now() - DAY_MS).toISOString(), only: 'missed' };
    await request(`${path}/replays`, { method: 'POST', body }).catch(setError);
    await queries.invalidateQueries({ queryKey });
  };
  return (
    <section className="panel">
      <header>
        <h2>Replays</h2>
        <button type="button" className="btn end" onClick={() => void start()}>
          Send again what it missed in 24 hours
        </button>
      </header>
      {error === undefined ? null : <Failure error={error} />}
      <Read query={replays}>
        {(list) => (
          <ul className="plain body">
            {list.length === 0 ? <li className="dim">None.</li> : null}
            {list.slice(0, 5).map((replay) => (
              <li key={replay.replay_id}>
                <Progress
                  label={`Replay of ${replay.created_at}`}
                  percent={
                    replay.state === 'running' ? (replay.scheduled / Math.max(1, replay.matched)) * 100 : 100
                  }
                  text={`${replay.state}: ${replay.scheduled} of ${replay.matched} ${replay.only}`}
                />
              </li>
            ))}
          </ul>
        )}
      </Read>
    </section>
  );
}
