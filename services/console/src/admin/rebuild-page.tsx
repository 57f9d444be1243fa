import type { RebuildProgress } from '@errand/contracts';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { ApiError, request } from '../api/request.ts';
import { curlOf, errandOf } from '../parts/commands.ts';
import { CopyAs } from '../parts/copy.tsx';
import { Empty, Failure, Progress } from '../parts/feedback.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Read } from '../parts/query-state.tsx';
import { Ago, durationOf } from '../parts/time.tsx';

const PATH = '/admin/projections/job_summary/rebuild';

/** Makes the read model again from the log, while everything goes on. */
export function RebuildPage() {
  const queries = useQueryClient();
  const [error, setError] = useState<unknown>();
  const rebuild = useQuery({
    queryKey: ['rebuild'],
    queryFn: readRebuild,
    refetchInterval: ({ state: { data } }) => (data && isRunning(data) ? 500 : 5_000),
  });
  const act = async (path: string) => {
    setError(undefined);
    await request(path, { method: 'POST', body: {} }).catch(setError);
    await queries.invalidateQueries({ queryKey: ['rebuild'] });
  };
  const data = rebuild.data ?? undefined;
  return (
    <>
      <PageHead title="Rebuild" about="The table behind lists and summaries, made again from the log">
        <CopyAs curl={curlOf(PATH)} errand={errandOf('projection', 'status')} />
        {data && isRunning(data) ? (
          <button type="button" className="btn danger" onClick={() => void act(`${PATH}/cancel`)}>
            Cancel
          </button>
        ) : (
          <button type="button" className="btn primary" onClick={() => void act(PATH)}>
            Rebuild
          </button>
        )}
      </PageHead>
      {error === undefined ? null : <Failure error={error} />}
      <section className="panel">
        <Read query={rebuild}>
          {(progress) =>
            progress === null ? (
              <Empty title="No rebuild has run yet." command={errandOf('projection', 'rebuild')} />
            ) : (
              <div className="body">
                <Progress
                  label="Progress of the rebuild"
                  percent={progress.percent}
                  text={textOf(progress)}
                />
                <p className="dim" role="status">
                  {progress.state}, begun <Ago at={progress.started_at} />,{' '}
                  {progress.skipped.toLocaleString()} events left out
                </p>
                {progress.error === null ? null : <p className="note warn">{progress.error}</p>}
              </div>
            )
          }
        </Read>
      </section>
    </>
  );
}

async function readRebuild(): Promise<RebuildProgress | null> {
  try {
    return await request<RebuildProgress>(PATH);
  } catch (error) {
    if (error instanceof ApiError && error.code === 'unknown_rebuild') return null;
    throw error;
  }
}

function isRunning({ state }: RebuildProgress): boolean {
  return state !== 'done' && state !== 'canceled';
}

function textOf({ events, total, events_per_s: rate, eta_s: leftS }: RebuildProgress): string {
  const pace = rate === null ? '' : `, ${Math.round(rate).toLocaleString()} a second`;
  const left = leftS === null ? '' : `, ${durationOf(leftS * 1_000)} left`;
  return `${events.toLocaleString()} of ${total.toLocaleString()} events${pace}${left}`;
}
