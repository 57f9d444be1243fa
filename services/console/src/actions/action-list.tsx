import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { pathTo } from '../api/request.ts';
import { curlOf, errandOf } from '../parts/commands.ts';
import { CopyAs } from '../parts/copy.tsx';
import { Empty } from '../parts/feedback.tsx';
import { Read } from '../parts/query-state.tsx';
import { Scroll } from '../parts/scroll.tsx';
import { Mark } from '../parts/status.tsx';
import { Ago, durationOf } from '../parts/time.tsx';
import { actionsQuery } from './actions-query.ts';

/** What the tenant may run. */
export function ActionList() {
  const { tenant } = useParams({ from: '/t/$tenant/actions' });
  const actions = useQuery({ ...actionsQuery(tenant), refetchInterval: 10_000 });
  return (
    <>
      <div className="head">
        <div className="grow">
          <h1>Actions</h1>
        </div>
        <CopyAs curl={curlOf(pathTo`/v2/tenants/${tenant}/actions`)} errand={errandOf('actions')} />
      </div>
      <section className="panel">
        <Read query={actions}>
          {(list) =>
            list.length === 0 ? (
              <Empty title="No executor has announced an action." command="npm create errand">
                An action is a file; its executor announces it.
              </Empty>
            ) : (
              <Scroll label="Actions">
                <table>
                  <thead>
                    <tr>
                      <th scope="col">Action</th>
                      <th scope="col">Served</th>
                      <th scope="col" className="hide-s">
                        Version
                      </th>
                      <th scope="col" className="num hide-s">
                        Attempts
                      </th>
                      <th scope="col" className="num hide-s">
                        Timeout
                      </th>
                      <th scope="col">
                        <span className="sr">Run</span>
                      </th>
                    </tr>
                  </thead>
                  <tbody>
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
                  </tbody>
                </table>
              </Scroll>
            )
          }
        </Read>
      </section>
    </>
  );
}
