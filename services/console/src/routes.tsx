import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Navigate,
} from '@tanstack/react-router';
import { useSession } from './frame/console-session.ts';
import { Frame } from './frame/frame.tsx';
import { SignIn } from './frame/sign-in.tsx';
import { readJobFilter } from './jobs/job-filter.ts';
import { Fault, NotFound, pagesBelow, ROUTING } from './parts/pages.tsx';

const root = createRootRoute({
  component: Frame,
  notFoundComponent: NotFound,
  errorComponent: Fault,
});

const signIn = createRoute({ getParentRoute: () => root, path: '/sign-in', component: SignIn });
const home = createRoute({ getParentRoute: () => root, path: '/', component: Home });

/** A tenant's key has one place to go; the admin key chooses. */
function Home() {
  const session = useSession();
  if (!session) return null;
  return session.tenant_id === undefined ? (
    <Navigate to="/admin/tenants" replace />
  ) : (
    <Navigate to="/t/$tenant" params={{ tenant: session.tenant_id }} replace />
  );
}

const page = pagesBelow(root);
const overview = () => import('./overview/overview.tsx');
const jobs = () => import('./jobs/job-list.tsx');
const job = () => import('./job/job-page.tsx');
const actions = () => import('./actions/action-list.tsx');
const run = () => import('./actions/run-form.tsx');
const schedules = () => import('./schedules/schedule-pages.ts');
const webhooks = () => import('./webhooks/webhook-pages.ts');
const bulk = () => import('./bulk/bulk-pages.tsx');
const keys = () => import('./keys/keys-page.tsx');
const admin = () => import('./admin/admin-pages.ts');

const tree = root.addChildren([
  signIn,
  home,
  page('/t/$tenant', lazyRouteComponent(overview, 'Overview')),
  page('/t/$tenant/jobs', lazyRouteComponent(jobs, 'JobList'), (search) => ({ ...readJobFilter(search) })),
  page('/t/$tenant/jobs/$jobId', lazyRouteComponent(job, 'JobPage')),
  page('/t/$tenant/actions', lazyRouteComponent(actions, 'ActionList')),
  page('/t/$tenant/actions/$name/run', lazyRouteComponent(run, 'RunPage')),
  page('/t/$tenant/schedules', lazyRouteComponent(schedules, 'ScheduleList')),
  page('/t/$tenant/schedules/new', lazyRouteComponent(schedules, 'NewSchedule')),
  page('/t/$tenant/schedules/$scheduleId', lazyRouteComponent(schedules, 'SchedulePage')),
  page('/t/$tenant/schedules/$scheduleId/change', lazyRouteComponent(schedules, 'ChangeSchedule')),
  page('/t/$tenant/webhooks', lazyRouteComponent(webhooks, 'EndpointList')),
  page('/t/$tenant/webhooks/$endpointId', lazyRouteComponent(webhooks, 'EndpointPage')),
  page('/t/$tenant/deliveries', lazyRouteComponent(webhooks, 'AllDeliveries')),
  page('/t/$tenant/deliveries/$deliveryId', lazyRouteComponent(webhooks, 'DeliveryPage')),
  page('/t/$tenant/bulk', lazyRouteComponent(bulk, 'BulkList')),
  page('/t/$tenant/bulk/$bulkId', lazyRouteComponent(bulk, 'BulkPage')),
  page('/t/$tenant/keys', lazyRouteComponent(keys, 'KeysPage')),
  page('/admin/tenants', lazyRouteComponent(admin, 'TenantList')),
  page('/admin/executors', lazyRouteComponent(admin, 'ExecutorList')),
  page('/admin/audit', lazyRouteComponent(admin, 'AuditPage')),
  page('/admin/verify', lazyRouteComponent(admin, 'VerifyPage')),
  page('/admin/rebuild', lazyRouteComponent(admin, 'RebuildPage')),
  page('/admin/dead-letters', lazyRouteComponent(admin, 'DeadLettersPage')),
]);

export const router = createRouter({ ...ROUTING, routeTree: tree, basepath: '/console' });

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
