import { type AnyRoute, createRoute, notFound, type RouteComponent } from '@tanstack/react-router';
import { Empty, Failure } from './feedback.tsx';
import { UUID } from './uuid.ts';

/*
 * Every view is a URL. Parameters that are no filters of a list are kept only if they are text: whoever makes a link must
 * not be able to hand a view anything else.
 */

export function Fault({ error }: { error: unknown }) {
  return (
    <>
      <h1>This page cannot be shown</h1>
      <Failure error={error} />
    </>
  );
}

export function NotFound() {
  return (
    <>
      <h1>Not found</h1>
      <Empty title="There is no such page." />
    </>
  );
}

/** What the parameters of paths may be; anything else is no page, whoever made the link. */
const PARAMETERS: Readonly<Record<string, RegExp>> = {
  tenant: /^[\w-]{1,64}$/,
  name: /^[a-z][a-z0-9_]{0,63}$/,
  jobId: UUID,
  bulkId: UUID,
  scheduleId: /^sch_[0-9a-f]{32}$/,
  endpointId: /^[\w-]{1,100}$/,
  deliveryId: /^[\da-f-]{36}\.[\w-]{1,100}$/,
};

function assertFit(params: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(params)) if (!PARAMETERS[name]?.test(value)) throw notFound();
}

/** Makes the pages of an application. */
export function pagesBelow<Root extends AnyRoute>(root: Root) {
  return <const Path extends string>(path: Path, component: RouteComponent, validateSearch = readTexts) =>
    createRoute({
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

/** How a router reads and writes addresses. */
export const ROUTING = {
  // Filters are read by people too: plain parameters, all of them text.
  parseSearch: (search: string) => Object.fromEntries(new URLSearchParams(search)),
  stringifySearch: (search: Record<string, unknown>) => {
    const entries = Object.entries(search).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, String(value)]],
    );
    return entries.length === 0 ? '' : `?${new URLSearchParams(entries)}`;
  },
  defaultPreload: 'intent',
  scrollRestoration: true,
} as const;
