import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Navigate,
  Outlet,
} from '@tanstack/react-router';
import { readJobFilter } from '../jobs/job-filter.ts';
import { Fault, NotFound, pagesBelow, ROUTING } from '../parts/pages.tsx';

/** The views of a portal session: a list of jobs, and each job. */
export function createPortalRouter(sessionId: string, tenant: string) {
  const root = createRootRoute({
    component: PortalFrame,
    notFoundComponent: NotFound,
    errorComponent: Fault,
  });
  const page = pagesBelow(root);
  const home = createRoute({
    getParentRoute: () => root,
    path: '/',
    component: () => <Navigate to="/t/$tenant/jobs" params={{ tenant }} replace />,
  });
  const tree = root.addChildren([
    home,
    page(
      '/t/$tenant/jobs',
      lazyRouteComponent(() => import('../jobs/job-list.tsx'), 'JobList'),
      (search) => ({ ...readJobFilter(search) }),
    ),
    page(
      '/t/$tenant/jobs/$jobId',
      lazyRouteComponent(() => import('../job/job-page.tsx'), 'JobPage'),
    ),
  ]);
  return createRouter({ ...ROUTING, routeTree: tree, basepath: `/portal/${sessionId}` });
}

function PortalFrame() {
  return (
    <main className="portal">
      <Outlet />
    </main>
  );
}
