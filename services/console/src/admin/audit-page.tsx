import { useInfiniteQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { type FormEvent, useMemo, useState } from 'react';
import { queryOf, request } from '../api/request.ts';
import { curlOf, errandOf } from '../parts/commands.ts';
import { CopyAs } from '../parts/copy.tsx';
import { Empty } from '../parts/feedback.tsx';
import { More } from '../parts/more.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Read } from '../parts/query-state.tsx';
import { Table } from '../parts/table.tsx';
import { dayTime } from '../parts/time.tsx';

const SPANS = [
  ['5', '5 min'],
  ['60', '1 h'],
  ['1440', '24 h'],
  ['10080', '7 d'],
] as const;
const PAGE = 200;
const MINUTE_MS = 60_000;

interface AuditEntry {
  readonly position?: number;
  readonly config_position?: number;
  readonly filed_at: string;
  /** Null if nobody can read it. */
  readonly event: {
    readonly type: string;
    readonly time: string;
    readonly subject?: string;
    readonly data: unknown;
  } | null;
}

interface Page {
  readonly entries: AuditEntry[];
  readonly next_cursor: string | null;
}

/** The audit log page by page, and the whole of it as a file. */
export function AuditPage() {
  const { tenant = '', minutes = '5' } = useSearch({ strict: false }) as {
    tenant?: string;
    minutes?: string;
  };
  const navigate = useNavigate();
  const [typed, setTyped] = useState(tenant);
  const from = useMemo(() => new Date(Date.now() - Number(minutes) * MINUTE_MS).toISOString(), [minutes]);
  const asked = { from, tenant: tenant || undefined };
  const audit = useInfiniteQuery({
    queryKey: ['audit', asked],
    queryFn: ({ pageParam }) =>
      request<Page>(`/admin/audit/entries${queryOf({ ...asked, limit: PAGE, cursor: pageParam })}`),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
  const search = (changed: { tenant?: string; minutes?: string }) =>
    void navigate({ to: '/admin/audit', search: { ...(tenant ? { tenant } : {}), minutes, ...changed } });
  return (
    <>
      <PageHead
        title="Audit"
        about="Every event and change of configuration, chained by hashes, oldest first"
      >
        <CopyAs
          curl={curlOf(`/admin/audit/entries${queryOf(asked)}`)}
          errand={errandOf('audit', 'export', '--out', 'audit.ndjson')}
        />
        <a className="btn primary" href={`/admin/audit${queryOf(asked)}`} download="audit.ndjson">
          Download
        </a>
      </PageHead>
      <form
        className="row"
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          search({ tenant: typed });
        }}
      >
        {SPANS.map(([each, name]) => (
          <button
            type="button"
            key={each}
            className={`chip${each === minutes ? ' on' : ''}`}
            aria-pressed={each === minutes}
            onClick={() => search({ minutes: each })}
          >
            {name}
          </button>
        ))}
        <input
          className="chip"
          aria-label="Tenant"
          placeholder="any tenant"
          value={typed}
          onInput={(event) => setTyped(event.currentTarget.value)}
        />
      </form>
      <section className="panel">
        <Read query={audit}>
          {({ pages }) =>
            pages[0]?.entries.length === 0 ? (
              <Empty
                title="Nothing happened in this time."
                command={errandOf('audit', 'export', '--out', 'audit.ndjson')}
              />
            ) : (
              <Table label="Audit log" columns={['Place', 'Time', 'Event', 'Of', 'What']}>
                {pages.flatMap(({ entries }) =>
                  entries.map((entry) => <Row key={keyOf(entry)} entry={entry} />),
                )}
              </Table>
            )
          }
        </Read>
      </section>
      <More list={audit} />
    </>
  );
}

function keyOf({ position, config_position: ofConfig }: AuditEntry): string {
  return position === undefined ? `config ${ofConfig}` : String(position);
}

/** A job, or what of the configuration has changed. */
function subjectOf({ event }: AuditEntry): string | undefined {
  const { kind, resource_id: id } = (event?.data ?? {}) as { kind?: string; resource_id?: string };
  return event?.subject ?? (kind === undefined ? undefined : `${kind} ${id}`);
}

function Row({ entry }: { entry: AuditEntry }) {
  const { event, filed_at: filedAt } = entry;
  const at = event?.time ?? filedAt;
  return (
    <tr>
      <td className="mono faint nowrap">{keyOf(entry)}</td>
      <td className="mono nowrap">
        <time dateTime={at} title={at}>
          {dayTime(at)}
        </time>
      </td>
      <td>{event?.type ?? 'unreadable'}</td>
      <td className="mono clip">{subjectOf(entry)}</td>
      <td className="mono dim" dir="auto">
        <details>
          <summary className="clip">{JSON.stringify(event?.data)}</summary>
          <pre>{JSON.stringify(event?.data, undefined, 2)}</pre>
        </details>
      </td>
    </tr>
  );
}
