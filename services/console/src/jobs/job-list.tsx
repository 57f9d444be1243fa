import { type InfiniteData, useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useParams, useSearch } from '@tanstack/react-router';
import { useRef, useState } from 'react';
import type { Change, JobPage } from '../api/answers.ts';
import { EVENT_TYPES } from '../api/event-types.ts';
import { pathTo, queryOf, request } from '../api/request.ts';
import { POLL_MS, type StreamedEvent, useStream } from '../api/stream.ts';
import { curlOf, errandOf } from '../parts/commands.ts';
import { CopyAs } from '../parts/copy.tsx';
import { Empty } from '../parts/feedback.tsx';
import { LiveMark } from '../parts/live-mark.tsx';
import { More } from '../parts/more.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Read } from '../parts/query-state.tsx';
import { useRights } from '../parts/rights.tsx';
import { BulkBar, type Selection } from './bulk-bar.tsx';
import { Filters } from './filters.tsx';
import { type JobFilter, optionsOf, parametersOf, readJobFilter } from './job-filter.ts';
import { JobRows } from './job-rows.tsx';
import { refreshJobs } from './refresh-jobs.ts';
import { createToldJobs, type ToldJobs } from './told-jobs.ts';
import { untilListed } from './until-listed.ts';

const PAGE_SIZE = 50;
/** By so much a list may be behind what is told of jobs, in milliseconds. */
const BEHIND_MS = 2_000;

/** A tenant's jobs, newest first, live: what is shown changes in place, what is new waits for a click. */
export function JobList() {
  const { tenant } = useParams({ from: '/t/$tenant/jobs' });
  const filter = readJobFilter(useSearch({ strict: false }));
  // What is selected is of this list, and does not outlive it.
  return <OneList key={`${tenant} ${JSON.stringify(filter)}`} tenant={tenant} filter={filter} />;
}

function OneList({ tenant, filter }: { tenant: string; filter: JobFilter }) {
  const parameters = parametersOf(filter);
  const { may, isCustomer } = useRights();
  const path = (cursor?: string) =>
    pathTo`/v2/tenants/${tenant}/jobs` + queryOf({ ...parameters, limit: PAGE_SIZE, cursor });
  const queries = useQueryClient();
  const [told] = useState(createToldJobs);
  const queryKey = ['jobs', tenant, parameters];
  const jobs = useInfiniteQuery({
    queryKey,
    queryFn: async ({ pageParam }) => {
      const sinceMs = performance.now() - BEHIND_MS;
      const page = await request<JobPage>(path(pageParam));
      // What happened while it was on its way was told of jobs that were not shown yet.
      const ids = new Set(page.jobs.map((job) => job.job_id).filter((id) => told.isSince(id, sinceMs)));
      refreshJobs(queries, { tenant, queryKey, ids });
      return page;
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
    refetchInterval: isCustomer && POLL_MS,
  });
  const [selection, setSelection] = useState<Selection>({ kind: 'none' });
  const { fresh, liveness, showFresh } = useLiveList(tenant, queryKey, {
    data: jobs.data,
    isFollowed: !isCustomer,
    told,
  });
  const shown = jobs.data?.pages.flatMap((page) => page.jobs) ?? [];

  return (
    <>
      <PageHead title="Jobs">
        <LiveMark liveness={liveness} />
        <CopyAs curl={curlOf(path())} errand={errandOf('jobs', ...optionsOf(filter))} />
        {may('runs:write') && !isCustomer ? (
          <Link className="btn primary" to="/t/$tenant/actions" params={{ tenant }}>
            Run an action
          </Link>
        ) : null}
      </PageHead>
      <Filters tenant={tenant} filter={filter} />
      {fresh > 0 ? (
        <button type="button" className="new" onClick={() => void showFresh()}>
          {fresh} new
        </button>
      ) : null}
      <section className="panel">
        {isCustomer ? null : (
          <BulkBar
            tenant={tenant}
            filter={filter}
            selection={selection}
            setSelection={setSelection}
            shown={shown.length}
            hasMore={jobs.hasNextPage}
          />
        )}
        <Read query={jobs}>
          {() =>
            shown.length === 0 ? (
              <Empty title="No job matches." command={errandOf('jobs', ...optionsOf(filter))}>
                Jobs are kept for 7 days.
              </Empty>
            ) : (
              <JobRows
                tenant={tenant}
                jobs={shown}
                selection={selection}
                setSelection={isCustomer ? undefined : setSelection}
              />
            )
          }
        </Read>
      </section>
      <More list={jobs} />
    </>
  );
}

/** Follows the tenant's jobs: those that are shown are asked for anew, new ones are counted. */
function useLiveList(
  tenant: string,
  queryKey: readonly unknown[],
  {
    data,
    isFollowed,
    told,
  }: { data: InfiniteData<JobPage> | undefined; isFollowed: boolean; told: ToldJobs },
) {
  const queries = useQueryClient();
  const [freshIds, setFreshIds] = useState<ReadonlySet<string>>(new Set());
  const shownIds = useRef<ReadonlySet<string>>(new Set());
  shownIds.current = new Set(data?.pages.flatMap((page) => page.jobs.map((job) => job.job_id)));

  const onEvents = (events: readonly StreamedEvent[]) => {
    const changes = events.map(({ data: text }) => JSON.parse(text) as Change);
    told.note(
      changes.map((each) => each.job_id),
      performance.now(),
    );
    const stale = new Set(changes.map((each) => each.job_id).filter((id) => shownIds.current.has(id)));
    refreshJobs(queries, { tenant, queryKey, ids: stale });
    const begun = changes.filter(
      ({ event, job_id: id }) => event.type === 'JobRequested' && !shownIds.current.has(id),
    );
    if (begun.length > 0) setFreshIds((ids) => new Set([...ids, ...begun.map((each) => each.job_id)]));
  };
  const liveness = useStream({
    // What changes is told of all jobs of the tenant, to nobody who may see some only.
    url: isFollowed ? pathTo`/v2/tenants/${tenant}/changes` : undefined,
    types: EVENT_TYPES,
    onEvents,
    onPoll(isOpen) {
      if (isOpen) told.begin(performance.now());
      refreshJobs(queries, { tenant, queryKey, ids: shownIds.current });
    },
  });
  const showFresh = async () => {
    // The list may be a moment behind what is told of jobs, and has them in the same order.
    await untilListed(tenant, [...freshIds].at(-1));
    setFreshIds((ids) => new Set([...ids].filter((id) => !freshIds.has(id))));
    void queries.resetQueries({ queryKey });
  };
  const fresh = [...freshIds].filter((id) => !shownIds.current.has(id)).length;
  return { fresh, liveness: isFollowed ? liveness : ('polling' as const), showFresh };
}
