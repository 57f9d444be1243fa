import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { queryOf, requestText } from '../api/request.ts';
import { curlOf, errandOf } from '../parts/commands.ts';
import { CopyAs } from '../parts/copy.tsx';
import { Empty } from '../parts/feedback.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Read } from '../parts/query-state.tsx';
import { Table } from '../parts/table.tsx';
import { clockTime } from '../parts/time.tsx';

const MINUTES = ['5', '60', '1440'] as const;
const SHOWN = 500;
const MINUTE_MS = 60_000;

interface AuditLine {
  readonly position?: number;
  readonly config_position?: number;
  readonly event: {
    readonly type: string;
    readonly time: string;
    readonly subject?: string;
    readonly data: unknown;
  };
}

/** The audit log's newest events, and the whole of it as a file. */
export function AuditPage() {
  const { tenant = '', minutes = '5' } = useSearch({ strict: false }) as {
    tenant?: string;
    minutes?: string;
  };
  const navigate = useNavigate();
  const [typed, setTyped] = useState(tenant);
  const path = () =>
    `/admin/audit${queryOf({ from: new Date(Date.now() - Number(minutes) * MINUTE_MS).toISOString(), tenant: tenant || undefined })}`;
  const audit = useQuery({
    queryKey: ['audit', tenant, minutes],
    queryFn: async () => linesOf(await requestText(path())),
  });
  const search = (changed: { tenant?: string; minutes?: string }) =>
    void navigate({ to: '/admin/audit', search: { ...(tenant ? { tenant } : {}), minutes, ...changed } });
  return (
    <>
      <PageHead title="Audit" about="Every event and change of configuration, chained by hashes">
        <CopyAs curl={curlOf('/admin/audit')} errand={errandOf('audit', 'export', '--out', 'audit.ndjson')} />
        <a className="btn primary" href={path()} download="audit.ndjson">
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
        {MINUTES.map((each) => (
          <button
            type="button"
            key={each}
            className={`chip${each === minutes ? ' on' : ''}`}
            aria-pressed={each === minutes}
            onClick={() => search({ minutes: each })}
          >
            {Number(each) < 60 ? `${each} min` : `${Number(each) / 60} h`}
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
          {({ lines, count }) =>
            count === 0 ? (
              <Empty
                title="Nothing happened in this time."
                command={errandOf('audit', 'export', '--out', 'audit.ndjson')}
              />
            ) : (
              <>
                <p className="body dim" role="status">
                  {count.toLocaleString()} entries{count > SHOWN ? `, the newest ${SHOWN} shown` : ''}
                </p>
                <Table label="Audit log" columns={['Place', 'Time', 'Event', 'Of', 'What']}>
                  {lines.map((line) => (
                    <tr key={`${line.position ?? 'c'} ${line.config_position ?? ''}`}>
                      <td className="mono faint">{line.position ?? `config ${line.config_position}`}</td>
                      <td className="mono nowrap">{clockTime(line.event.time)}</td>
                      <td>{line.event.type}</td>
                      <td className="mono clip">{line.event.subject}</td>
                      <td className="mono clip dim" dir="auto">
                        {JSON.stringify(line.event.data)}
                      </td>
                    </tr>
                  ))}
                </Table>
              </>
            )
          }
        </Read>
      </section>
    </>
  );
}

/** The newest entries, newest first. The export begins with a line about itself and ends with its chain. */
function linesOf(text: string): { lines: AuditLine[]; count: number } {
  const lines = text
    .split('\n')
    .filter((line) => line.includes('"event":'))
    .map((line) => JSON.parse(line) as AuditLine);
  return { lines: lines.slice(-SHOWN).reverse(), count: lines.length };
}
