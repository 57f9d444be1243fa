import { useInfiniteQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import type { SchedulePage, ScheduleView } from '../api/answers.ts';
import { pathTo, queryOf, request } from '../api/request.ts';
import { curlOf, errandOf } from '../parts/commands.ts';
import { CopyAs } from '../parts/copy.tsx';
import { Empty } from '../parts/feedback.tsx';
import { More } from '../parts/more.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Read } from '../parts/query-state.tsx';
import { useRights } from '../parts/rights.tsx';
import { Table, wide } from '../parts/table.tsx';
import { Ago } from '../parts/time.tsx';
import { OutcomeMark, ScheduleMark } from './schedule-marks.tsx';
import { timingOf } from './ticks.ts';

const EVERY_MS = 3_000;

/** Who asks for jobs by the clock. */
export function ScheduleList() {
  const { tenant } = useParams({ from: '/t/$tenant/schedules' });
  const { external_id: asked } = useSearch({ from: '/t/$tenant/schedules' });
  const externalId = asked === undefined || asked === '' ? undefined : String(asked);
  const { may } = useRights();
  const path = pathTo`/v2/tenants/${tenant}/schedules`;
  const schedules = useInfiniteQuery({
    queryKey: ['schedules', tenant, 'list', externalId],
    queryFn: ({ pageParam }) =>
      request<SchedulePage>(`${path}${queryOf({ limit: 50, external_id: externalId, cursor: pageParam })}`),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    refetchInterval: EVERY_MS,
  });
  const words = externalId === undefined ? [] : ['--external-id', externalId];
  return (
    <>
      <PageHead title="Schedules" about="Jobs that are asked for by the clock">
        <CopyAs
          curl={curlOf(`${path}${queryOf({ external_id: externalId })}`)}
          errand={errandOf('schedules', 'list', ...words)}
        />
        {may('schedules:write') ? (
          <Link className="btn primary" to="/t/$tenant/schedules/new" params={{ tenant }}>
            New schedule
          </Link>
        ) : null}
      </PageHead>
      <Filter key={externalId} tenant={tenant} externalId={externalId} />
      <section className="panel">
        <Read query={schedules}>
          {({ pages }) => (
            <Rows
              tenant={tenant}
              schedules={pages.flatMap((page) => page.schedules)}
              empty={externalId === undefined ? 'No schedule.' : 'No schedule has this external id.'}
            />
          )}
        </Read>
      </section>
      <More list={schedules} />
    </>
  );
}

function Filter({ tenant, externalId }: { tenant: string; externalId: string | undefined }) {
  const navigate = useNavigate();
  const [text, setText] = useState(externalId ?? '');
  const apply = (event: FormEvent) => {
    event.preventDefault();
    const search = text === '' ? {} : { external_id: text };
    void navigate({ to: '/t/$tenant/schedules', params: { tenant }, search });
  };
  return (
    <form className="row" onSubmit={apply}>
      <label htmlFor="external-id">External id</label>
      <input
        id="external-id"
        type="search"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <button type="submit" className="btn">
        Filter
      </button>
    </form>
  );
}

interface RowsProps {
  readonly tenant: string;
  readonly schedules: readonly ScheduleView[];
  /** Said of none. */
  readonly empty: string;
}

function Rows({ tenant, schedules, empty }: RowsProps) {
  if (schedules.length === 0) {
    return (
      <Empty title={empty} command={errandOf('schedules', 'create', 'ACTION', '--cron', '0 6 * * *')}>
        A schedule asks for a job at each of its ticks: see{' '}
        <a className="link" href="/docs#tag/schedules">
          its API
        </a>
        .
      </Empty>
    );
  }
  return (
    <Table label="Schedules" columns={['State', 'Schedule', wide('Action'), 'Ticks', 'Next', 'Last tick']}>
      {schedules.map((schedule) => (
        <tr key={schedule.schedule_id}>
          <td>
            <ScheduleMark schedule={schedule} />
          </td>
          <td>
            <Link
              data-row
              to="/t/$tenant/schedules/$scheduleId"
              params={{ tenant, scheduleId: schedule.schedule_id }}
            >
              {schedule.external_id === null ? (
                <span className="mono">{schedule.schedule_id.slice(0, 12)}…</span>
              ) : (
                <bdi>{schedule.external_id}</bdi>
              )}
            </Link>
            <div className="dim clip" dir="auto">
              {schedule.description}
            </div>
          </td>
          <td className="hide-s">{schedule.action}</td>
          <td className="nowrap">{timingOf(schedule)}</td>
          <td className="dim nowrap">
            <Ago at={schedule.next_at} />
          </td>
          <td className="dim nowrap">
            {schedule.last_tick === null ? (
              '–'
            ) : (
              <>
                <OutcomeMark outcome={schedule.last_tick.outcome} /> <Ago at={schedule.last_tick.at} />
              </>
            )}
          </td>
        </tr>
      ))}
    </Table>
  );
}
