import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import type { Delivery, DeliveryAttempt } from '../api/answers.ts';
import { pathTo, request } from '../api/request.ts';
import { curlOf, errandOf } from '../parts/commands.ts';
import { CopyAs } from '../parts/copy.tsx';
import { Empty, Failure } from '../parts/feedback.tsx';
import { Read } from '../parts/query-state.tsx';
import { Scroll } from '../parts/scroll.tsx';
import { DeliveryMark, Mark } from '../parts/status.tsx';
import { Ago, clockTime, durationOf } from '../parts/time.tsx';

const EVERY_MS = 2_000;

/** One event for one endpoint, with each attempt. */
export function DeliveryPage() {
  const { tenant, deliveryId } = useParams({ from: '/t/$tenant/deliveries/$deliveryId' });
  const queries = useQueryClient();
  const path = pathTo`/v2/tenants/${tenant}/deliveries/${deliveryId}`;
  const [error, setError] = useState<unknown>();
  const delivery = useQuery({
    queryKey: ['delivery', tenant, deliveryId],
    queryFn: () => request<Delivery>(path),
    refetchInterval: EVERY_MS,
  });
  const attempts = useQuery({
    queryKey: ['delivery', tenant, deliveryId, 'attempts'],
    queryFn: async () =>
      (await request<{ attempts: readonly DeliveryAttempt[] }>(`${path}/attempts`)).attempts,
    refetchInterval: EVERY_MS,
  });
  const redeliver = async () => {
    setError(undefined);
    await request(`${path}/redeliver`, { method: 'POST', body: {} }).catch(setError);
    await queries.invalidateQueries({ queryKey: ['delivery', tenant, deliveryId] });
  };
  return (
    <>
      <Read query={delivery}>
        {(data) => (
          <div className="head">
            <div className="grow">
              <span className="crumb">
                <Link to="/t/$tenant/webhooks/$endpointId" params={{ tenant, endpointId: data.endpoint_id }}>
                  {data.endpoint_id}
                </Link>{' '}
                / {data.type}
              </span>
              <h1 className="row">
                <DeliveryMark status={data.status} /> <span className="mono id">{deliveryId}</span>
              </h1>
              <span className="dim">
                {data.attempts} {data.attempts === 1 ? 'try' : 'tries'}
                {data.next_attempt_at === null ? null : (
                  <>
                    , again <Ago at={data.next_attempt_at} />
                  </>
                )}
                {data.job_id === null ? null : (
                  <>
                    , of job{' '}
                    <Link
                      className="mono link"
                      to="/t/$tenant/jobs/$jobId"
                      params={{ tenant, jobId: data.job_id }}
                    >
                      {data.job_id}
                    </Link>
                  </>
                )}
              </span>
            </div>
            <div className="row">
              <CopyAs curl={curlOf(path)} errand={errandOf('webhooks', 'attempts', deliveryId)} />
              <button type="button" className="btn primary" onClick={() => void redeliver()}>
                Redeliver
              </button>
            </div>
          </div>
        )}
      </Read>
      {error === undefined ? null : <Failure error={error} />}
      <section className="panel">
        <header>
          <h2>Attempts</h2>
        </header>
        <Read query={attempts}>
          {(list) =>
            list.length === 0 ? (
              <Empty title="It has not been tried yet." />
            ) : (
              <ul className="plain body">
                {list.map((attempt) => (
                  <Attempt key={`${attempt.number} ${attempt.started_at}`} attempt={attempt} />
                ))}
              </ul>
            )
          }
        </Read>
      </section>
    </>
  );
}

function Attempt({ attempt }: { attempt: DeliveryAttempt }) {
  const {
    number,
    status,
    error_code: code,
    duration_ms: durationMs,
    started_at: startedAt,
    trigger,
  } = attempt;
  const isTold = status !== null && status >= 200 && status < 300;
  return (
    <li>
      <details>
        <summary className="row">
          <Mark
            tone={isTold ? 'ok' : 'bad'}
            icon={isTold ? 'ok' : 'bad'}
            word={`${number}. ${status ?? code ?? 'no answer'}`}
          />
          <span className="dim">
            {clockTime(startedAt)}, {durationOf(durationMs)}, {trigger}
          </span>
        </summary>
        <dl className="pairs mono">
          {Object.entries(attempt.request_headers).map(([name, value]) => (
            <div key={name} className="contents">
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
        {attempt.response === null ? null : (
          <Scroll label="Response">
            <pre dir="auto">{attempt.response}</pre>
          </Scroll>
        )}
      </details>
    </li>
  );
}
