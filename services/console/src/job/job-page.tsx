import type { KeyScope } from '@errand/contracts';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { lazy, Suspense } from 'react';
import type { Delivery, Job } from '../api/answers.ts';
import { pathTo, request } from '../api/request.ts';
import { Failure, Loading, Progress } from '../parts/feedback.tsx';
import { LiveMark } from '../parts/live-mark.tsx';
import { useRights } from '../parts/rights.tsx';
import { JobStatusMark, toneOf } from '../parts/status.tsx';
import { Ago, useNow } from '../parts/time.tsx';
import { DeliveryList } from '../webhooks/delivery-list.tsx';
import { JobDeeds } from './deeds.tsx';
import { JobInput, JobResult } from './payloads.tsx';
import { hasEnded, type LiveJob, useJob } from './use-job.ts';
import { Waterfall } from './waterfall.tsx';
import { whyOf } from './why-waiting.ts';

const AsOf = lazy(async () => ({ default: (await import('./as-of.tsx')).AsOf }));
const EventList = lazy(async () => ({ default: (await import('./event-list.tsx')).EventList }));
const JobLog = lazy(async () => ({ default: (await import('./job-log.tsx')).JobLog }));

const TABS = ['timeline', 'events', 'log', 'input', 'result', 'deliveries'] as const;
export type JobTab = (typeof TABS)[number];
/** What a tab needs besides `jobs:read`; without it the tab is not there, and nothing is asked for. */
const NEEDED: Partial<Record<JobTab, KeyScope>> = { log: 'logs:read', deliveries: 'webhooks:read' };
const DELIVERIES_EVERY_MS = 2_000;
const DELIVERIES_SELDOM_MS = 30_000;

/** One job: why it is where it is, what happened, and what may be done. */
export function JobPage() {
  const { tenant, jobId } = useParams({ from: '/t/$tenant/jobs/$jobId' });
  return <OneJob key={jobId} tenant={tenant} jobId={jobId} />;
}

function OneJob({ tenant, jobId }: { tenant: string; jobId: string }) {
  const live = useJob(tenant, jobId);
  const { job, error, liveness } = live;
  if (!job) return error ? <Failure error={error} /> : <Loading />;
  return (
    <>
      <div className="head">
        <div className="grow">
          <span className="crumb">
            <Link to="/t/$tenant/jobs" params={{ tenant }}>
              Jobs
            </Link>{' '}
            /{' '}
            <Link to="/t/$tenant/jobs" params={{ tenant }} search={{ action: job.action }}>
              {job.action}
            </Link>
          </span>
          <h1 className="row">
            <JobStatusMark status={job.status} pill /> <span className="mono id">{job.job_id}</span>
          </h1>
          <Facts tenant={tenant} job={job} />
        </div>
        <div className="stack">
          <LiveMark liveness={liveness} />
          <JobDeeds tenant={tenant} job={job} />
        </div>
      </div>
      {error ? <Failure error={error} /> : null}
      <Why job={job} />
      <JobTabs tenant={tenant} job={job} live={live} />
    </>
  );
}

function Facts({ tenant, job }: { tenant: string; job: Job }) {
  const { may } = useRights();
  return (
    <span className="row">
      {Object.entries(job.resource).map(([name, value]) => (
        <Chip key={`of ${name}`} name={`of ${name}`} value={value} />
      ))}
      {Object.entries(job.metadata).map(([name, value]) => (
        <Chip key={name} name={name} value={value} />
      ))}
      <span className="chip">
        <b>by</b>
        <bdi>{job.requested_by}</bdi>
      </span>
      {job.retry_of === null ? null : (
        <span className="chip">
          <b>retry of</b>
          <Link className="mono" to="/t/$tenant/jobs/$jobId" params={{ tenant, jobId: job.retry_of }}>
            {job.retry_of.slice(0, 8)}…
          </Link>
        </span>
      )}
      {job.schedule && may('schedules:read') ? (
        <span className="chip">
          <b>schedule</b>
          <Link
            className="mono"
            to="/t/$tenant/schedules/$scheduleId"
            params={{ tenant, scheduleId: job.schedule.schedule_id }}
          >
            {job.schedule.schedule_id.slice(0, 12)}…
          </Link>
        </span>
      ) : null}
      <span className="faint">
        version {job.version}, requested <Ago at={job.created_at} />
      </span>
    </span>
  );
}

function Chip({ name, value }: { name: string; value: string }) {
  return (
    <span className="chip">
      <b>
        <bdi>{name}</bdi>
      </b>
      <bdi>{value}</bdi>
    </span>
  );
}

function Why({ job }: { job: Job }) {
  const why = whyOf(job, useNow());
  const { progress } = job;
  return (
    <>
      {why === undefined ? null : (
        <p className={`note ${toneOf(job.status)}`} dir="auto">
          {why}
        </p>
      )}
      {progress && !hasEnded(job) ? (
        <Progress
          label="Progress of the attempt"
          percent={progress.percent}
          text={`${progress.percent} % ${progress.message ?? ''}`}
        />
      ) : null}
    </>
  );
}

function JobTabs({ tenant, job, live }: { tenant: string; job: Job; live: LiveJob }) {
  const { tab: asked, as_of: asOf } = useSearch({ strict: false }) as { tab?: string; as_of?: number };
  const navigate = useNavigate();
  const isOver = hasEnded(job);
  const { may } = useRights();
  const tabs = TABS.filter((each) => NEEDED[each] === undefined || may(NEEDED[each]));
  const tab = tabs.find((each) => each === asked) ?? 'timeline';
  const path = pathTo`/v2/tenants/${tenant}/jobs/${job.job_id}`;
  const told = useQuery({
    queryKey: ['job-deliveries', tenant, job.job_id],
    queryFn: async () =>
      (await request<{ deliveries: readonly Delivery[] }>(`${path}/deliveries`)).deliveries,
    enabled: isOver && tabs.includes('deliveries'),
    // Until all are told, and for a moment after the end, while they are being made; then for those that are made late.
    refetchInterval: ({ state: { data } }) =>
      data?.some((each) => each.status === 'pending') || Date.now() - Date.parse(job.updated_at) < 10_000
        ? DELIVERIES_EVERY_MS
        : DELIVERIES_SELDOM_MS,
  });
  const deliveries = told.data ?? [];
  const counts: Partial<Record<JobTab, number>> = {
    events: live.events.length,
    deliveries: deliveries.length,
  };
  return (
    <section className="panel">
      <nav className="tabs" aria-label="Parts of the job">
        {tabs.map((each) => (
          <Link
            key={each}
            to="/t/$tenant/jobs/$jobId"
            params={{ tenant, jobId: job.job_id }}
            search={{ ...(asOf === undefined ? {} : { as_of: asOf }), tab: each }}
            aria-current={tab === each ? 'page' : undefined}
            replace
          >
            {`${each.charAt(0).toUpperCase()}${each.slice(1)}`}{' '}
            {counts[each] ? counts[each].toLocaleString() : ''}
          </Link>
        ))}
      </nav>
      <Suspense fallback={<Loading />}>
        {tab === 'timeline' ? (
          <Waterfall events={live.events} deliveries={deliveries} isOver={isOver} />
        ) : null}
        {tab === 'events' ? <EventList events={live.events} texts={live.texts} /> : null}
        {tab === 'log' ? <JobLog path={`${path}/logs`} isOver={isOver} /> : null}
        {tab === 'input' ? <JobInput path={path} /> : null}
        {tab === 'result' ? <JobResult path={path} job={job} /> : null}
        {tab === 'deliveries' ? (
          <DeliveryList
            tenant={tenant}
            deliveries={deliveries}
            error={told.error}
            empty="Nobody was told of this job."
          />
        ) : null}
        {(tab === 'timeline' || tab === 'events') && live.events.length > 0 ? (
          <AsOf
            tenant={tenant}
            action={job.action}
            jobId={job.job_id}
            events={live.events}
            at={asOf}
            onMove={(version) =>
              void navigate({
                to: '/t/$tenant/jobs/$jobId',
                params: { tenant, jobId: job.job_id },
                search: { tab, ...(version === undefined ? {} : { as_of: version }) },
                replace: true,
              })
            }
          />
        ) : null}
      </Suspense>
    </section>
  );
}
