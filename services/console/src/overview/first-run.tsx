import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { actionsQuery } from '../actions/actions-query.ts';
import { pathTo } from '../api/request.ts';
import { curlOf } from '../parts/commands.ts';
import { Empty } from '../parts/feedback.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Read } from '../parts/query-state.tsx';

/** What a tenant without jobs sees: the way to its first run, and to its first webhook. */
export function FirstRun({ tenant }: { tenant: string }) {
  const actions = useQuery(actionsQuery(tenant));
  return (
    <>
      <PageHead
        title="No job yet"
        about="Three steps to one that ends at your own receiver. This page follows by itself."
      />
      <section className="panel">
        <header>
          <h2>1. Be told: add a webhook endpoint</h2>
        </header>
        <div className="body">
          <p>
            Endpoints hear of every ending.{' '}
            <Link className="link" to="/t/$tenant/webhooks" params={{ tenant }}>
              Add yours
            </Link>
            , or go on without one.
          </p>
        </div>
      </section>
      <section className="panel">
        <header>
          <h2>2. Run an action</h2>
        </header>
        <div className="body">
          <Read query={actions}>
            {(list) =>
              list.length === 0 ? (
                <Empty title="No executor has announced an action." command="npm create errand">
                  An action is a file; its executor announces it.
                </Empty>
              ) : (
                <ul className="plain">
                  {list.slice(0, 5).map(({ name, description }) => (
                    <li key={name}>
                      <Link
                        className="btn primary"
                        to="/t/$tenant/actions/$name/run"
                        params={{ tenant, name }}
                      >
                        Run {name}
                      </Link>{' '}
                      <span className="dim">{description}</span>
                    </li>
                  ))}
                </ul>
              )
            }
          </Read>
        </div>
      </section>
      <section className="panel">
        <header>
          <h2>3. The same from a shell</h2>
        </header>
        <Empty
          title="Every view has its command."
          command={curlOf(`${actions.data?.[0]?.links.run ?? pathTo`/v2/tenants/${tenant}/…/run`}`, {
            method: 'POST',
            body: '{}',
          })}
        />
      </section>
    </>
  );
}
