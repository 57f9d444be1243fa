import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Navigate,
  notFound,
  type RouteComponent,
} from '@tanstack/react-router';
import { useSession } from './frame/console-session.ts';
import { Frame } from './frame/frame.tsx';
import { SignIn } from './frame/sign-in.tsx';
import { readJobFilter } from './jobs/job-filter.ts';
import { Empty, Failure } from './parts/feedback.tsx';
import { UUID } from './parts/uuid.ts';

/*
 * Every view is a URL. Parameters that are no filters of a list are kept only if they are text: whoever makes a link must
 * not be able to hand a view anything else.
 */

const root = createRootRoute({
  component: Frame,
  notFoundComponent: NotFound,
  errorComponent: Fault,
});

function Fault({ error }: { error: unknown }) {
  return (
    <>
      <h1>This page cannot be shown</h1>
      <Failure error={error} />
    </>
  );
}

function NotFound() {
  return (
    <>
      <h1>Not found</h1>
      <Empty title="There is no such page." />
    </>
  );
}

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

/** What the parameters of paths may be; anything else is no page, whoever made the link. */
const PARAMETERS: Readonly<Record<string, RegExp>> = {
  tenant: /^[\w-]{1,64}$/,
  name: /^[a-z][a-z0-9_]{0,63}$/,
  jobId: UUID,
  bulkId: UUID,
  endpointId: /^[\w-]{1,100}$/,
  deliveryId: /^[\da-f-]{36}\.[\w-]{1,100}$/,
};

function assertFit(params: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(params)) if (!PARAMETERS[name]?.test(value)) throw notFound();
}

function page<const Path extends string>(path: Path, component: RouteComponent, validateSearch = readTexts) {
  return createRoute({
    getParentRoute: () => root,
    path,
    component,
    validateSearch,
    beforeLoad: ({ params }) => assertFit(params),
    // Beside the navigation, which goes on working.
    errorComponent: Fault,
    notFoundComponent: NotFound,
  });
}

function readTexts(search: Record<string, unknown>): Record<string, string | number> {
  const texts = Object.entries(search).filter(
    (entry): entry is [string, string | number] =>
      typeof entry[1] === 'string' || typeof entry[1] === 'number',
  );
  return Object.fromEntries(texts);
}

const overview = () => import('./overview/overview.tsx');
const jobs = () => import('./jobs/job-list.tsx');
const job = () => import('./job/job-page.tsx');
const actions = () => import('./actions/action-list.tsx');
const run = () => import('./actions/run-form.tsx');
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

export const router = createRouter({
  routeTree: tree,
  basepath: '/console',
  // Filters are read by people too: plain parameters, all of them text.
  parseSearch: (search) => Object.fromEntries(new URLSearchParams(search)),
  stringifySearch: (search) => {
    const entries = Object.entries(search).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, String(value)]],
    );
    return entries.length === 0 ? '' : `?${new URLSearchParams(entries)}`;
  },
  defaultPreload: 'intent',
  scrollRestoration: true,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
