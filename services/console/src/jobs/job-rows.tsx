import { Link } from '@tanstack/react-router';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { memo, useCallback, useLayoutEffect, useRef, useState } from 'react';
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

const ROW_PX = 38;
/** Beyond what is in sight, so that the keyboard finds the next row. */
const MORE_ROWS = 12;

/** Of many jobs, only those in sight are in the page. */
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
  const body = useRef<HTMLTableSectionElement>(null);
  const [top, setTop] = useState(0);
  // What is above the list comes and goes.
  useLayoutEffect(() => {
    if (body.current) setTop(Math.round(body.current.getBoundingClientRect().top + scrollY));
  });
  const rows = useWindowVirtualizer({
    count: jobs.length,
    estimateSize: () => ROW_PX,
    overscan: MORE_ROWS,
    scrollMargin: top,
  });
  const shown = rows.getVirtualItems();
  const above = (shown[0]?.start ?? top) - top;
  const below = rows.getTotalSize() - ((shown.at(-1)?.end ?? top) - top);
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
      rowCount={jobs.length + 1}
      body={body}
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
      {above > 0 ? <Room px={above} /> : null}
      {shown.map(({ index }) => {
        const job = jobs[index];
        return job ? (
          <JobRow
            key={job.job_id}
            tenant={tenant}
            job={job}
            // The head is the first.
            nr={index + 2}
            isAll={isAll}
            onChoose={setSelection && onChoose}
            isChosen={isAll || chosen.has(job.job_id)}
          />
        ) : null;
      })}
      {below > 0 ? <Room px={below} /> : null}
    </Table>
  );
}

/** The place of rows that are out of sight. */
function Room({ px }: { px: number }) {
  return <tr className="room" style={{ height: px }} />;
}

interface RowProps {
  readonly tenant: string;
  readonly job: Job;
  /** Its place in the table, from 1. */
  readonly nr: number;
  readonly isAll: boolean;
  readonly isChosen: boolean;
  readonly onChoose: ((id: string, isChosen: boolean) => void) | undefined;
}

/** Drawn again only when its own job or selection changes, whatever else the list does. */
const JobRow = memo(({ tenant, job, nr, isAll, isChosen, onChoose }: RowProps) => (
  <tr className={isChosen ? 'sel' : undefined} aria-rowindex={nr}>
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
