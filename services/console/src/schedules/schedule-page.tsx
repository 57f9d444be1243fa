import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import type { SchedulePreview, ScheduleView } from '../api/answers.ts';
import { pathTo, request } from '../api/request.ts';
import { curlOf, errandOf } from '../parts/commands.ts';
import { CopyAs } from '../parts/copy.tsx';
import { Failure } from '../parts/feedback.tsx';
import { JsonView } from '../parts/json-view.tsx';
import { Read } from '../parts/query-state.tsx';
import { useRights } from '../parts/rights.tsx';
import { Ago } from '../parts/time.tsx';
import { CATCH_UPS, OVERLAPS } from './draft.ts';
import { OutcomeMark, ScheduleMark } from './schedule-marks.tsx';
import { TickList } from './tick-list.tsx';
import { goodForMs, timingOf } from './ticks.ts';

const EVERY_MS = 2_000;

/** One schedule: what it asks for and when, what became of its ticks, and what may be done. */
export function SchedulePage() {
  const { tenant, scheduleId } = useParams({ from: '/t/$tenant/schedules/$scheduleId' });
  const path = pathTo`/v2/tenants/${tenant}/schedules/${scheduleId}`;
  const schedule = useQuery({
    queryKey: ['schedules', tenant, scheduleId],
    queryFn: () => request<ScheduleView>(path),
    refetchInterval: EVERY_MS,
  });
  return (
    <Read query={schedule}>
      {(data) => (
        <>
          <Head tenant={tenant} schedule={data} path={path} />
          <LastTick tenant={tenant} schedule={data} />
          <Counts counts={data.counts} />
          <Facts tenant={tenant} schedule={data} />
          <Ticks tenant={tenant} schedule={data} path={path} />
          <section className="panel">
            <header>
              <h2>Input</h2>
            </header>
            <div className="body">
              <JsonView text={JSON.stringify(data.input, null, 2)} label="input" />
            </div>
          </section>
        </>
      )}
    </Read>
  );
}

interface Props {
  readonly tenant: string;
  readonly schedule: ScheduleView;
  /** Of the schedule in the API. */
  readonly path: string;
}

function Head({ tenant, schedule, path }: Props) {
  const { may } = useRights();
  return (
    <div className="head">
      <div className="grow">
        <span className="crumb">
          <Link to="/t/$tenant/schedules" params={{ tenant }}>
            Schedules
          </Link>{' '}
          / <span className="mono">{schedule.schedule_id}</span>
        </span>
        <h1 className="row">
          <ScheduleMark schedule={schedule} /> <bdi>{schedule.external_id ?? schedule.action}</bdi>
        </h1>
        <span className="dim" dir="auto">
          {schedule.description}
        </span>
      </div>
      <div className="stack">
        <CopyAs curl={curlOf(path)} errand={errandOf('schedules', 'show', schedule.schedule_id)} />
        {may('schedules:write') ? <Deeds tenant={tenant} schedule={schedule} path={path} /> : null}
      </div>
    </div>
  );
}

function Deeds({ tenant, schedule, path }: Props) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  const act = async (deed: () => Promise<unknown>) => {
    setBusy(true);
    setError(undefined);
    await deed().catch(setError);
    setBusy(false);
  };
  const setPaused = () =>
    act(async () => {
      await request(`${path}/${schedule.paused ? 'resume' : 'pause'}`, { method: 'POST', body: {} });
      await queries.invalidateQueries({ queryKey: ['schedules', tenant] });
    });
  const run = () =>
    act(async () => {
      const headers = { 'idempotency-key': crypto.randomUUID() };
      const made = await request<{ job_id: string }>(`${path}/run`, { method: 'POST', body: {}, headers });
      await navigate({ to: '/t/$tenant/jobs/$jobId', params: { tenant, jobId: made.job_id } });
    });
  const remove = () =>
    act(async () => {
      if (!confirm(`Delete the schedule ${schedule.external_id ?? schedule.schedule_id}? Its jobs stay.`))
        return;
      await request(path, { method: 'DELETE' });
      await navigate({ to: '/t/$tenant/schedules', params: { tenant } });
    });
  return (
    <>
      <div className="row">
        <button type="button" className="btn primary" disabled={isBusy} onClick={() => void run()}>
          Run now
        </button>
        <button type="button" className="btn" disabled={isBusy} onClick={() => void setPaused()}>
          {schedule.paused ? 'Resume' : 'Pause'}
        </button>
        <Link
          className="btn"
          to="/t/$tenant/schedules/$scheduleId/change"
          params={{ tenant, scheduleId: schedule.schedule_id }}
        >
          Change
        </Link>
        <button type="button" className="btn danger" disabled={isBusy} onClick={() => void remove()}>
          Delete
        </button>
      </div>
      {error === undefined ? null : <Failure error={error} />}
    </>
  );
}

/** What became of the newest tick; of a refused one, why. */
function LastTick({ tenant, schedule }: Omit<Props, 'path'>) {
  const { last_tick: last, last_job_id: jobId, action } = schedule;
  return (
    <>
      {last?.outcome === 'refused' ? (
        <p className="note bad" dir="auto">
          <b>{last.code}</b> – {last.detail}
        </p>
      ) : null}
      <p className="row">
        {last === null ? (
          <span className="dim">It has not ticked yet.</span>
        ) : (
          <>
            Last tick <Ago at={last.at} /> <OutcomeMark outcome={last.outcome} />
          </>
        )}
        {jobId === null ? null : (
          <Link className="link" to="/t/$tenant/jobs/$jobId" params={{ tenant, jobId }}>
            Last job
          </Link>
        )}
        <Link
          className="link"
          to="/t/$tenant/jobs"
          params={{ tenant }}
          search={{ action, source: 'schedule' }}
        >
          Jobs of {action} that schedules asked for
        </Link>
      </p>
    </>
  );
}

function Counts({ counts }: { counts: ScheduleView['counts'] }) {
  return (
    <div className="figures">
      {Object.entries(counts).map(([outcome, count]) => (
        <div key={outcome}>
          <small>Ticks {outcome}</small>
          <b>{count.toLocaleString()}</b>
        </div>
      ))}
    </div>
  );
}

function Facts({ tenant, schedule }: Omit<Props, 'path'>) {
  const { resource, job } = schedule;
  return (
    <section className="panel">
      <header>
        <h2>What it asks for</h2>
      </header>
      <dl className="pairs body">
        <dt>action</dt>
        <dd>
          <Link
            className="link"
            to="/t/$tenant/jobs"
            params={{ tenant }}
            search={{ action: schedule.action }}
          >
            {schedule.action}
          </Link>
        </dd>
        {Object.entries(resource).map(([name, value]) => (
          <div key={name} className="contents">
            <dt>of {name}</dt>
            <dd>
              <bdi>{value}</bdi>
            </dd>
          </div>
        ))}
        <dt>ticks</dt>
        <dd>{timingOf(schedule)}</dd>
        <dt>next</dt>
        <dd>
          <Ago at={schedule.next_at} />
        </dd>
        <dt>starts</dt>
        <dd>
          <Ago at={schedule.starts_at} />
        </dd>
        <dt>ends</dt>
        <dd>
          <Ago at={schedule.ends_at} />
        </dd>
        <dt>overlap</dt>
        <dd>
          {schedule.overlap}: {OVERLAPS[schedule.overlap]}
        </dd>
        <dt>catch-up</dt>
        <dd>
          {schedule.catch_up}: {CATCH_UPS[schedule.catch_up]}
        </dd>
        <dt>spread</dt>
        <dd>{schedule.spread_s} s</dd>
        <dt>its jobs</dt>
        <dd className="mono">{Object.keys(job).length === 0 ? '–' : JSON.stringify(job)}</dd>
        <dt>made</dt>
        <dd>
          <Ago at={schedule.created_at} /> by <bdi>{schedule.created_by}</bdi>
        </dd>
        <dt>changed</dt>
        <dd>
          <Ago at={schedule.updated_at} />
        </dd>
      </dl>
    </section>
  );
}

function Ticks({ tenant, schedule, path }: Props) {
  const preview = useQuery({
    queryKey: ['schedules', tenant, schedule.schedule_id, 'preview', schedule.updated_at],
    queryFn: () => request<SchedulePreview>(`${path}/preview`),
    refetchInterval: ({ state: { data } }) => (data ? goodForMs(data, Date.now()) : false),
  });
  return (
    <section className="panel">
      <header>
        <h2>{schedule.paused ? 'When it would tick' : 'When it ticks'}</h2>
      </header>
      <Read query={preview}>{(next) => <TickList preview={next} zone={schedule.time_zone} />}</Read>
    </section>
  );
}
