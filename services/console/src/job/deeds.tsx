import { useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import type { Job } from '../api/answers.ts';
import { pathTo, request } from '../api/request.ts';
import { curlOf, errandOf } from '../parts/commands.ts';
import { CopyAs } from '../parts/copy.tsx';
import { Failure } from '../parts/feedback.tsx';
import { useRights } from '../parts/rights.tsx';
import { hasEnded } from './use-job.ts';

/** What may be done about a job. */
export function JobDeeds({ tenant, job }: { tenant: string; job: Job }) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  const { may, isCustomer } = useRights();
  const path = pathTo`/v2/tenants/${tenant}/jobs/${job.job_id}`;
  const act = async (deed: () => Promise<unknown>) => {
    setBusy(true);
    setError(undefined);
    await deed().catch(setError);
    setBusy(false);
  };
  const cancel = () =>
    act(async () => {
      await request(`${path}/cancel`, { method: 'POST', body: {} });
      await queries.invalidateQueries({ queryKey: ['job', tenant, job.job_id] });
    });
  const retry = () =>
    act(async () => {
      const made = await request<{ job_id: string }>(`${path}/retry`, {
        method: 'POST',
        headers: { 'idempotency-key': crypto.randomUUID() },
      });
      await navigate({ to: '/t/$tenant/jobs/$jobId', params: { tenant, jobId: made.job_id } });
    });
  return (
    <div className="stack">
      <div className="row">
        <CopyAs curl={curlOf(path)} errand={errandOf('status', job.job_id)} />
        {may('runs:write') && !isCustomer ? (
          <Link
            className="btn"
            to="/t/$tenant/actions/$name/run"
            params={{ tenant, name: job.action }}
            search={{ from: job.job_id }}
          >
            Run again, edited
          </Link>
        ) : null}
        {hasEnded(job) && may('runs:write') ? (
          <button type="button" className="btn primary" disabled={isBusy} onClick={() => void retry()}>
            Retry
          </button>
        ) : null}
        {!hasEnded(job) && may('jobs:cancel') ? (
          <button
            type="button"
            className="btn danger"
            disabled={isBusy || job.cancel_requested}
            onClick={() => void cancel()}
          >
            Cancel
          </button>
        ) : null}
      </div>
      {error === undefined ? null : <Failure error={error} />}
    </div>
  );
}
