import { Link } from '@tanstack/react-router';
import { memo, useCallback, useRef } from 'react';
import type { Job } from '../api/answers.ts';
import { JobStatusMark } from '../parts/status.tsx';
import { numbers, Table, wide, wideNumbers } from '../parts/table.tsx';
import { Ago, durationOf, useNow } from '../parts/time.tsx';
import type { Selection } from './bulk-bar.tsx';

interface RowsProps {
  readonly tenant: string;
  readonly jobs: readonly Job[];
  readonly selection: Selection;
  /** Absent: nothing is selected. */
  readonly setSelection: ((selection: Selection) => void) | undefined;
}

export function JobRows({ tenant, jobs, selection, setSelection }: RowsProps) {
  const isAll = selection.kind === 'all';
  const chosen = selection.kind === 'these' ? selection.ids : new Set<string>();
  const choose = (ids: ReadonlySet<string>) =>
    setSelection?.(ids.size === 0 ? { kind: 'none' } : { kind: 'these', ids });
  const latest = useRef({ chosen, choose });
  latest.current = { chosen, choose };
  const onChoose = useCallback((id: string, isChosen: boolean) => {
    const ids = new Set(latest.current.chosen);
    if (isChosen) ids.add(id);
    else ids.delete(id);
    latest.current.choose(ids);
  }, []);
  const allBox = (
    <input
      type="checkbox"
      aria-label="Select all jobs shown"
      checked={isAll || (jobs.length > 0 && jobs.every((job) => chosen.has(job.job_id)))}
      disabled={isAll}
      onChange={(event) => choose(new Set(event.currentTarget.checked ? jobs.map((job) => job.job_id) : []))}
    />
  );
  return (
    <Table
      label="Jobs"
      columns={[
        ...(setSelection ? [{ head: allBox }] : []),
        'Status',
        'Job',
        'Action',
        wide('Metadata'),
        'Created',
        numbers('Took'),
        wideNumbers('Attempts'),
      ]}
    >
      {jobs.map((job) => (
        <JobRow
          key={job.job_id}
          tenant={tenant}
          job={job}
          isAll={isAll}
          onChoose={setSelection && onChoose}
          isChosen={isAll || chosen.has(job.job_id)}
        />
      ))}
    </Table>
  );
}

interface RowProps {
  readonly tenant: string;
  readonly job: Job;
  readonly isAll: boolean;
  readonly isChosen: boolean;
  readonly onChoose: ((id: string, isChosen: boolean) => void) | undefined;
}

/** Drawn again only when its own job or selection changes, whatever else the list does. */
const JobRow = memo(({ tenant, job, isAll, isChosen, onChoose }: RowProps) => (
  <tr className={isChosen ? 'sel' : undefined}>
    {onChoose ? (
      <td>
        <input
          type="checkbox"
          aria-label={`Select job ${job.job_id}`}
          checked={isChosen}
          disabled={isAll}
          onChange={(event) => onChoose(job.job_id, event.currentTarget.checked)}
        />
      </td>
    ) : null}
    <td>
      <JobStatusMark status={job.status} />
    </td>
    <td className="mono nowrap">
      <Link data-row to="/t/$tenant/jobs/$jobId" params={{ tenant, jobId: job.job_id }} title={job.job_id}>
        {job.job_id.slice(0, 8)}…{job.job_id.slice(-6)}
      </Link>
    </td>
    <td>{job.action}</td>
    <td className="clip dim hide-s" dir="auto">
      {Object.entries(job.metadata)
        .map(([name, value]) => `${name} ${value}`)
        .join(' · ')}
    </td>
    <td className="dim nowrap">
      <Ago at={job.created_at} />
    </td>
    <td className="num nowrap">
      <Took job={job} />
    </td>
    <td className="num dim nowrap hide-s">
      {job.attempt.number === 0
        ? '–'
        : `${job.attempt.number}${job.attempt.max ? ` / ${job.attempt.max}` : ''}`}
    </td>
  </tr>
));

function Took({ job }: { job: Job }) {
  const now = useNow();
  if (job.started_at === null) return <>–</>;
  const end = job.finished_at === null ? now : Date.parse(job.finished_at);
  return <>{durationOf(Math.max(0, end - Date.parse(job.started_at)))}</>;
}
