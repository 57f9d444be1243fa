import { Link, Outlet, useNavigate, useParams } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import type { Session } from '../api/answers.ts';
import { isExact } from '../api/exact-json.ts';
import { RightsOf, rightsOf, scopesIn } from '../parts/rights.tsx';
import { UUID } from '../parts/uuid.ts';
import { useSession, useSignOut } from './console-session.ts';
import { Shortcuts } from './shortcuts.tsx';
import { SignIn } from './sign-in.tsx';
import { OwnTenants, TenantPicker } from './tenant-picker.tsx';
import { ThemeButton } from './theme.tsx';

const TENANT_LINKS = [
  ['/t/$tenant', 'Overview'],
  ['/t/$tenant/jobs', 'Jobs'],
  ['/t/$tenant/actions', 'Actions'],
  ['/t/$tenant/schedules', 'Schedules'],
  ['/t/$tenant/webhooks', 'Webhooks'],
  ['/t/$tenant/deliveries', 'Deliveries'],
  ['/t/$tenant/bulk', 'Bulk actions'],
  ['/t/$tenant/keys', 'Keys and limits'],
] as const;
const ADMIN_LINKS = [
  ['/admin/tenants', 'Tenants'],
  ['/admin/executors', 'Executors'],
  ['/admin/audit', 'Audit'],
  ['/admin/verify', 'Verify'],
  ['/admin/rebuild', 'Rebuild'],
  ['/admin/dead-letters', 'Dead letters'],
] as const;

/** A rail and a page; without a session, the way to one. */
export function Frame() {
  const session = useSession();
  const { tenant } = useParams({ strict: false });
  if (session === undefined) return null;
  if (session === null) return <SignIn />;
  const shown = tenant ?? session.tenant_id;
  const rights = rightsOf(scopesIn(session, shown), false);
  return (
    <div className="frame">
      <a className="skip" href="#page">
        Skip to the page
      </a>
      <aside className="rail">
        <Link to="/" className="brand">
          <svg width="20" height="20" viewBox="0 0 20 20" aria-hidden="true" className="logo">
            <path d="M3 10h10M9.5 5.5L14 10l-4.5 4.5M17 4v12" />
          </svg>
          Errand
        </Link>
        <nav aria-label="Console">
          {shown === undefined
            ? null
            : TENANT_LINKS.filter(
                ([to]) => to !== '/t/$tenant/schedules' || rights.may('schedules:read'),
              ).map(([to, name]) => (
                <Link
                  key={to}
                  to={to}
                  params={{ tenant: shown }}
                  activeOptions={{ exact: to === '/t/$tenant' }}
                >
                  {name}
                </Link>
              ))}
          {session.role === 'admin' ? (
            <>
              <span className="group">System</span>
              {ADMIN_LINKS.map(([to, name]) => (
                <Link key={to} to={to}>
                  {name}
                </Link>
              ))}
            </>
          ) : null}
        </nav>
        <div className="foot">
          <a href="/docs">API reference</a>
        </div>
      </aside>
      <div className="page" id="page">
        <header className="top">
          <TenantOf session={session} tenant={shown} />
          {shown === undefined ? null : <Search tenant={shown} />}
          <span className="end row">
            <ThemeButton />
            <Shortcuts tenant={shown} />
            <SignOutButton name={session.name} />
          </span>
        </header>
        <main>
          {isExact ? null : (
            <p className="note warn">
              This browser rounds numbers beyond 2^53; a newer one shows them as they are.
            </p>
          )}
          <RightsOf value={rights}>
            <Outlet />
          </RightsOf>
        </main>
      </div>
    </div>
  );
}

/** Which tenant is shown; a choice where there is one. */
function TenantOf({ session, tenant }: { session: Session; tenant: string | undefined }) {
  if (session.role === 'admin') return <TenantPicker tenant={tenant} />;
  const { tenants = [] } = session;
  if (tenants.length > 1)
    return <OwnTenants ids={tenants.map(({ tenant_id }) => tenant_id)} tenant={tenant} />;
  return <b>{session.tenant_id}</b>;
}

function SignOutButton({ name }: { name: string }) {
  const signOut = useSignOut();
  return (
    <button
      type="button"
      className="btn quiet"
      title={`Signed in with ${name}`}
      onClick={() => void signOut()}
    >
      Sign out
    </button>
  );
}

/** A job's id opens it, `name=value` looks for metadata, anything else for what a job has. */
function Search({ tenant }: { tenant: string }) {
  const [text, setText] = useState('');
  const navigate = useNavigate();
  const search = (event: FormEvent) => {
    event.preventDefault();
    const sought = text.trim();
    if (sought === '') return;
    if (UUID.test(sought.toLowerCase())) {
      void navigate({ to: '/t/$tenant/jobs/$jobId', params: { tenant, jobId: sought.toLowerCase() } });
    } else {
      const [name, ...value] = sought.split('=');
      const wanted = value.length > 0 && name ? { [`meta.${name}`]: value.join('=') } : { q: sought };
      void navigate({ to: '/t/$tenant/jobs', params: { tenant }, search: wanted });
    }
  };
  return (
    <form className="search" role="search" onSubmit={search}>
      <input
        type="search"
        id="search"
        aria-label="Find a job"
        placeholder="Job id, name=value or error"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <kbd>/</kbd>
    </form>
  );
}
