import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { pathTo } from '../api/request.ts';
import { curlOf, errandOf } from '../parts/commands.ts';
import { CopyAs } from '../parts/copy.tsx';
import { Empty } from '../parts/feedback.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Read } from '../parts/query-state.tsx';
import { Mark } from '../parts/status.tsx';
import { Table, wide, wideNumbers } from '../parts/table.tsx';
import { Ago, durationOf } from '../parts/time.tsx';
import { actionsQuery } from './actions-query.ts';

/** What the tenant may run. */
export function ActionList() {
  const { tenant } = useParams({ from: '/t/$tenant/actions' });
  const actions = useQuery({ ...actionsQuery(tenant), refetchInterval: 10_000 });
  return (
    <>
      <PageHead title="Actions">
        <CopyAs curl={curlOf(pathTo`/v2/tenants/${tenant}/actions`)} errand={errandOf('actions')} />
      </PageHead>
      <section className="panel">
        <Read query={actions}>
          {(list) =>
            list.length === 0 ? (
              <Empty title="No executor has announced an action." command="npm create errand">
                An action is a file; its executor announces it.
              </Empty>
            ) : (
              <Table
                label="Actions"
                columns={[
                  'Action',
                  'Served',
                  wide('Version'),
                  wideNumbers('Attempts'),
                  wideNumbers('Timeout'),
                  { spoken: 'Run' },
                ]}
              >
                {list.map((action) => (
                  <tr key={action.name}>
                    <td>
                      <Link
                        data-row
                        to="/t/$tenant/jobs"
                        params={{ tenant }}
                        search={{ action: action.name }}
                      >
                        {action.name}
                      </Link>
                      <div className="dim clip" dir="auto">
                        {action.description}
                      </div>
                    </td>
                    <td>
                      {action.unserved_since === null ? (
                        <Mark tone="ok" icon="ok" word="Served" />
                      ) : (
                        <>
                          <Mark tone="warn" icon="warn" word="Unserved" />{' '}
                          <span className="dim">
                            <Ago at={action.unserved_since} />
                          </span>
                        </>
                      )}
                    </td>
                    <td className="mono hide-s">{action.version}</td>
                    <td className="num hide-s">{action.max_attempts}</td>
                    <td className="num hide-s">{durationOf(action.timeout_ms)}</td>
                    <td className="num">
                      <Link
                        className="btn"
                        to="/t/$tenant/actions/$name/run"
                        params={{ tenant, name: action.name }}
                      >
                        Run
                      </Link>
                    </td>
                  </tr>
                ))}
              </Table>
            )
          }
        </Read>
      </section>
    </>
  );
}
