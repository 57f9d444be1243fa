import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import type { ErrorGroup, JobPage, Stats } from '../api/answers.ts';
import { pathTo, queryOf, request } from '../api/request.ts';
import { curlOf, errandOf } from '../parts/commands.ts';
import { CopyAs } from '../parts/copy.tsx';
import { Empty } from '../parts/feedback.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Read } from '../parts/query-state.tsx';
import { numbers, Table } from '../parts/table.tsx';
import { Ago, durationOf, useNow } from '../parts/time.tsx';
import { EndingsChart, WaitsChart } from './charts.tsx';
import { FirstRun } from './first-run.tsx';

const RANGES = { '1h': 3_600_000, '24h': 86_400_000, '7d': 604_800_000 } as const;
type Range = keyof typeof RANGES;
const REFRESH_MS = 5_000;

/** How the tenant's jobs do. */
export function Overview() {
  const { tenant } = useParams({ from: '/t/$tenant' });
  const asked = useSearch({ strict: false }) as { range?: string; action?: string };
  const { action } = asked;
  const range = (Object.keys(RANGES) as Range[]).find((each) => each === asked.range) ?? '1h';
  const navigate = useNavigate();
  const path = () => {
    const from = new Date(Date.now() - RANGES[range]).toISOString();
    return pathTo`/v2/tenants/${tenant}/stats` + queryOf({ from, action });
  };
  const stats = useQuery({
    queryKey: ['stats', tenant, range, action],
    queryFn: () => request<Stats>(path()),
    refetchInterval: REFRESH_MS,
  });
  const any = useQuery({
    queryKey: ['any-job', tenant],
    queryFn: () => request<JobPage>(pathTo`/v2/tenants/${tenant}/jobs?limit=1`),
    refetchInterval: (query) => (query.state.data?.jobs.length === 0 ? REFRESH_MS : false),
  });
  if (any.data?.jobs.length === 0) return <FirstRun tenant={tenant} />;
  return (
    <>
      <PageHead title="Overview" about={action ?? 'All actions'}>
        <div className="row" role="group" aria-label="Range">
          {(Object.keys(RANGES) as Range[]).map((each) => (
            <button
              type="button"
              key={each}
              className={`chip${each === range ? ' on' : ''}`}
              aria-pressed={each === range}
              onClick={() =>
                void navigate({ to: '.', search: { range: each, ...(action ? { action } : {}) } })
              }
            >
              {each.replace(/(\d+)/, '$1 ')}
            </button>
          ))}
          <CopyAs curl={curlOf(path())} errand={errandOf('stats', ...(action ? ['--action', action] : []))} />
        </div>
      </PageHead>
      <Read query={stats}>{(data) => <Figures stats={data} tenant={tenant} />}</Read>
    </>
  );
}

function Figures({ stats, tenant }: { stats: Stats; tenant: string }) {
  const { now, totals, series, errors } = stats;
  const ended = totals.succeeded + totals.failed + totals.canceled + totals.expired;
  const clock = useNow();
  const oldest = now.oldest_queued_at === null ? undefined : clock - Date.parse(now.oldest_queued_at);
  return (
    <>
      <section className="figures" aria-label="Figures">
        <Figure name="Running" value={now.running} context="at executors now" />
        <Figure
          name="Queued"
          value={now.queued}
          context={oldest === undefined ? 'none waits' : `oldest for ${durationOf(oldest)}`}
        />
        <Figure
          name="Failed"
          value={totals.failed}
          context={
            ended === 0
              ? 'none has ended'
              : `${percentOf(totals.failed, ended)} of ${ended.toLocaleString()} ended`
          }
        />
        <Figure
          name="Waited for a slot"
          value={totals.queue_wait_ms ? durationOf(totals.queue_wait_ms.p50) : '–'}
          context={
            totals.queue_wait_ms ? `half; p99 ${durationOf(totals.queue_wait_ms.p99)}` : 'none has begun'
          }
        />
      </section>
      <div className="grid2">
        <EndingsChart series={series} step={stats.step} />
        <WaitsChart series={series} step={stats.step} />
      </div>
      <Errors errors={errors} tenant={tenant} />
    </>
  );
}

function Figure({ name, value, context }: { name: string; value: number | string; context: string }) {
  return (
    <div>
      <small>{name}</small>
      <b>{typeof value === 'number' ? value.toLocaleString() : value}</b>
      <small>{context}</small>
    </div>
  );
}

function percentOf(part: number, whole: number): string {
  return `${((part / whole) * 100).toFixed(1)} %`;
}

function Errors({ errors, tenant }: { errors: readonly ErrorGroup[]; tenant: string }) {
  return (
    <section className="panel">
      <header>
        <h2>Errors, by action and code</h2>
        <Link className="end link" to="/t/$tenant/jobs" params={{ tenant }} search={{ status: 'failed' }}>
          All failed jobs
        </Link>
      </header>
      {errors.length === 0 ? (
        <Empty title="No job has failed in this time." />
      ) : (
        <Table label="Errors" columns={['Error', 'Action', numbers('Jobs'), 'First seen', 'Last seen']}>
          {errors.map((error) => (
            <tr key={`${error.action} ${error.code}`}>
              <td className="clip">
                <Link
                  data-row
                  className="mono link"
                  to="/t/$tenant/jobs/$jobId"
                  params={{ tenant, jobId: error.sample_job_id }}
                >
                  {error.code}
                </Link>{' '}
                <span className="dim">{error.detail}</span>
              </td>
              <td>
                <Link
                  to="/t/$tenant/jobs"
                  params={{ tenant }}
                  search={{ status: 'failed', action: error.action }}
                >
                  {error.action}
                </Link>
              </td>
              <td className="num">{error.count.toLocaleString()}</td>
              <td className="dim nowrap">
                <Ago at={error.first_seen} />
              </td>
              <td className="dim nowrap">
                <Ago at={error.last_seen} />
              </td>
            </tr>
          ))}
        </Table>
      )}
    </section>
  );
}
