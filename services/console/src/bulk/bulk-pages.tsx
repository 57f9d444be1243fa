import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import type { BulkAction } from '../api/answers.ts';
import { pathTo, request } from '../api/request.ts';
import { curlOf, errandOf } from '../parts/commands.ts';
import { CopyAs, CopyText } from '../parts/copy.tsx';
import { Empty, Failure, Progress } from '../parts/feedback.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Read } from '../parts/query-state.tsx';
import { Mark } from '../parts/status.tsx';
import { numbers, Table } from '../parts/table.tsx';
import { Ago, durationOf, useNow } from '../parts/time.tsx';

const EVERY_MS = 1_000;

export function BulkList() {
  const { tenant } = useParams({ from: '/t/$tenant/bulk' });
  const path = pathTo`/v2/tenants/${tenant}/bulk-actions`;
  const bulk = useQuery({
    queryKey: ['bulk', tenant],
    queryFn: async () => (await request<{ bulk_actions: readonly BulkAction[] }>(path)).bulk_actions,
    refetchInterval: EVERY_MS * 3,
  });
  return (
    <>
      <PageHead title="Bulk actions" about="Done by the server, for all jobs that matched when they began">
        <CopyAs curl={curlOf(path)} errand={errandOf('bulk', 'list')} />
      </PageHead>
      <section className="panel">
        <Read query={bulk}>
          {(list) =>
            list.length === 0 ? (
              <Empty
                title="None in the last 7 days."
                command={errandOf('bulk', 'retry', '--status', 'failed', '--dry-run')}
              >
                Begin one at the list of jobs: narrow it, and take all that match.
              </Empty>
            ) : (
              <Table
                label="Bulk actions"
                columns={['State', 'Bulk action', numbers('Done'), numbers('Of'), 'Begun']}
              >
                {list.map((each) => (
                  <tr key={each.bulk_id}>
                    <td>
                      <BulkMark state={each.state} />
                    </td>
                    <td>
                      <Link data-row to="/t/$tenant/bulk/$bulkId" params={{ tenant, bulkId: each.bulk_id }}>
                        {each.action} <span className="mono dim">{each.bulk_id.slice(0, 8)}…</span>
                      </Link>
                    </td>
                    <td className="num">{handledOf(each).toLocaleString()}</td>
                    <td className="num">{each.counts.matched.toLocaleString()}</td>
                    <td className="dim nowrap">
                      <Ago at={each.created_at} />
                    </td>
                  </tr>
                ))}
              </Table>
            )
          }
        </Read>
      </section>
    </>
  );
}

export function BulkPage() {
  const { tenant, bulkId } = useParams({ from: '/t/$tenant/bulk/$bulkId' });
  const queries = useQueryClient();
  const path = pathTo`/v2/tenants/${tenant}/bulk-actions/${bulkId}`;
  const [error, setError] = useState<unknown>();
  const bulk = useQuery({
    queryKey: ['bulk', tenant, bulkId],
    queryFn: () => request<BulkAction>(path),
    refetchInterval: ({ state: { data } }) => (data?.state === 'running' ? EVERY_MS : false),
  });
  const act = async (deed: 'abort' | 'resume') => {
    setError(undefined);
    await request(`${path}/${deed}`, { method: 'POST', body: {} }).catch(setError);
    await queries.invalidateQueries({ queryKey: ['bulk', tenant] });
  };
  return (
    <Read query={bulk}>
      {(data) => (
        <>
          <div className="head">
            <div className="grow">
              <span className="crumb">
                <Link to="/t/$tenant/bulk" params={{ tenant }}>
                  Bulk actions
                </Link>
              </span>
              <h1 className="row">
                <BulkMark state={data.state} /> {data.action} <span className="mono id">{data.bulk_id}</span>
              </h1>
              <span className="dim">
                begun <Ago at={data.created_at} /> by {data.created_by}
              </span>
            </div>
            <div className="row">
              <CopyAs curl={curlOf(path)} errand={errandOf('bulk', 'show', bulkId)} />
              {data.state === 'running' ? (
                <button type="button" className="btn danger" onClick={() => void act('abort')}>
                  Abort
                </button>
              ) : null}
              {data.state === 'aborted' ? (
                <button type="button" className="btn primary" onClick={() => void act('resume')}>
                  Resume
                </button>
              ) : null}
            </div>
          </div>
          {error === undefined ? null : <Failure error={error} />}
          <BulkProgress bulk={data} />
          <section className="panel">
            <header>
              <h2>Which jobs</h2>
            </header>
            <CopyText text={JSON.stringify(data.filter, null, 2)} />
          </section>
          <Failures tenant={tenant} bulk={data} />
        </>
      )}
    </Read>
  );
}

function BulkProgress({ bulk }: { bulk: BulkAction }) {
  const { counts, state, created_at: createdAt } = bulk;
  const now = useNow();
  const handled = handledOf(bulk);
  const rate = handled / Math.max(1, (now - Date.parse(createdAt)) / 1_000);
  const left = counts.matched - handled;
  const goesOn =
    state === 'running' && rate > 0
      ? `, ${rate.toFixed(0)} a second, ${durationOf((left / rate) * 1_000)} left`
      : '';
  return (
    <section className="panel">
      <div className="body">
        <Progress
          label="Progress"
          percent={counts.matched === 0 ? 100 : Math.min(100, (handled / counts.matched) * 100)}
          text={`${handled.toLocaleString()} of ${counts.matched.toLocaleString()}${goesOn}`}
        />
        <p className="dim" role="status">
          {counts.done.toLocaleString()} done, {counts.skipped.toLocaleString()} skipped,{' '}
          {counts.failed.toLocaleString()} failed
        </p>
      </div>
    </section>
  );
}

function Failures({ tenant, bulk }: { tenant: string; bulk: BulkAction }) {
  if (bulk.failures.length === 0) return null;
  return (
    <section className="panel">
      <header>
        <h2>Failed, the first {bulk.failures.length}</h2>
      </header>
      <ul className="plain body">
        {bulk.failures.map((failure) => (
          <li key={failure.job_id}>
            <Link
              className="mono link"
              to="/t/$tenant/jobs/$jobId"
              params={{ tenant, jobId: failure.job_id }}
            >
              {failure.job_id}
            </Link>{' '}
            <b>{failure.code}</b> <span className="dim">{failure.detail}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function BulkMark({ state }: { state: BulkAction['state'] }) {
  if (state === 'running') return <Mark tone="run" icon="run" word="Running" />;
  return state === 'done' ? (
    <Mark tone="ok" icon="ok" word="Done" />
  ) : (
    <Mark tone="idle" icon="off" word="Aborted" />
  );
}

function handledOf({ counts }: BulkAction): number {
  return counts.done + counts.skipped + counts.failed;
}
